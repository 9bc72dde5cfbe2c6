import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { onCore } from '../../../tools/kafka/on-core.ts'

/** The core of whatever is measured; the broker and what checks the results have the other one. */
export const measuredCore = 1
export const otherCore = 0
/** Longer than any case takes, also on a busy machine. */
const timeoutMs = 10 * 60_000

/** Runs a module of ours on the measured core and gives the JSON that it writes. Throws when it fails or hangs. */
export async function inProcess<R>(script: URL, argument: object): Promise<R> {
  const node = [process.execPath, '--conditions=source', '--disable-warning=ExperimentalWarning']
  const flags = process.env.BENCH_NODE_FLAGS?.split(' ') ?? []
  const [command, ...args] = onCore(measuredCore, [
    ...node,
    ...flags,
    script.pathname,
    JSON.stringify(argument),
  ])
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: timeoutMs })
  const [output, [code, signal]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[number | null, string | null]>,
  ])
  if (code !== 0) throw new Error(`${script.pathname} ended with ${code ?? signal}`)
  return JSON.parse(output) as R
}
