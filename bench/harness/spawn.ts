import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

/** Longer than any case takes, also on a busy machine. */
const timeoutMs = 5 * 60_000

/** Runs a script in a process of its own and gives the JSON it writes to standard output. Throws when it fails or hangs. */
export async function inProcess<R>(script: URL, args: readonly string[]): Promise<R> {
  const flags = ['--disable-warning=ExperimentalWarning', '--expose-gc']
  const child = spawn(process.execPath, [...flags, script.pathname, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: timeoutMs,
  })
  const [output, [code]] = await Promise.all([
    text(child.stdout),
    once(child, 'close') as Promise<[number | null]>,
  ])
  if (code !== 0) throw new Error(`${script.pathname} ${args.join(' ')} ended with code ${code}`)
  return JSON.parse(output) as R
}
