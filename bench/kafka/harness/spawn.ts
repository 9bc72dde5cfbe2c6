import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { onCore } from '../../../tools/kafka/on-core.ts'

/** The core of whatever is measured; the broker and what checks the results have the other one. */
export const measuredCore = 1
export const otherCore = 0
/** Longer than any case takes, also on a busy machine. */
const timeoutMs = 10 * 60_000

/** Runs a module of ours on a core, the measured one by default, and gives the JSON that it writes. Throws when it fails or hangs. */
export async function inProcess<R>(script: URL, argument: object, core = measuredCore): Promise<R> {
  const [command, ...args] = lineOf(script, argument, core)
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: timeoutMs })
  const [output, [code, signal]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[number | null, string | null]>,
  ])
  if (code !== 0) throw new Error(`${script.pathname} ended with ${code ?? signal}`)
  return JSON.parse(output) as R
}

/** Starts a module of ours on the measured core; messages go to and fro. */
export function onMeasuredCore(script: URL, argument: object): ChildProcess {
  const [command, ...args] = lineOf(script, argument, measuredCore)
  return spawn(command!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], timeout: timeoutMs })
}

function lineOf(script: URL, argument: object, core: number): readonly string[] {
  const node = [process.execPath, '--conditions=source', '--disable-warning=ExperimentalWarning']
  const flags = process.env.BENCH_NODE_FLAGS?.split(' ') ?? []
  return onCore(core, [...node, ...flags, script.pathname, JSON.stringify(argument)])
}
