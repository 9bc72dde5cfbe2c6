import { spawnSync } from 'node:child_process'

/** The command line that runs another one on one core alone; the line itself where the system has no `taskset`. */
export function onCore(core: number | undefined, line: readonly string[]): readonly string[] {
  return core !== undefined && canPin() ? ['taskset', '-c', `${core}`, ...line] : line
}

export function canPin(): boolean {
  return spawnSync('taskset', ['-V']).status === 0
}
