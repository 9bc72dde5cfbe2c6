import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** This process, told apart from others of the same machine and from those before its last start. */
export interface Machine {
  readonly host: string
  readonly pid: number
  /** Changes with every start of the machine, so that monotonic times of an earlier one mean nothing; 0 when unknown. */
  readonly boot: number
  /** The set of processes among which `pid` is unique (a container has its own); 0 when unknown. */
  readonly pidSpace: number
  /** Milliseconds on a clock that all processes of the machine share and nobody sets. */
  monotonicMs(): number
  /** False only when no process of this pid space has that pid. */
  isAlive(pid: number): boolean
  uniqueId(): string
}

export function systemMachine(): Machine {
  return {
    host: hostname(),
    pid: process.pid,
    boot: hash(textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'))),
    pidSpace: hash(textOf(() => readlinkSync('/proc/self/ns/pid'))),
    monotonicMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
    isAlive,
    uniqueId: randomUUID,
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function textOf(read: () => string): string {
  try {
    return read().trim()
  } catch {
    return ''
  }
}

/** FNV-1a; 0 for no text. */
export function hash(text: string): number {
  if (text === '') return 0
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value >>> 0 || 1
}
