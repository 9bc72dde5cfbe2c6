import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../../bin/millrace.js', import.meta.url))

/** The bin as a process of its own, with what it said so far. */
export class CliProcess implements AsyncDisposable {
  readonly process: ChildProcess
  stdout = ''
  stderr = ''
  readonly #ended: Promise<unknown>

  constructor(cwd: string, argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { PATH, NODE_COMPILE_CACHE } = process.env
    this.process = spawn(process.execPath, ['--conditions=source', BIN, ...argv], {
      cwd,
      // The colours, npm and warnings of whoever runs the tests are not the test's.
      env: { PATH, NODE_COMPILE_CACHE, NODE_OPTIONS: '--conditions=source', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.process.stdout!.on('data', chunk => {
      this.stdout += chunk
    })
    this.process.stderr!.on('data', chunk => {
      this.stderr += chunk
    })
    this.#ended = once(this.process, 'close')
  }

  /** Resolves when standard error matches for the `times`th time. */
  async said(pattern: RegExp, times = 1): Promise<void> {
    const all = new RegExp(pattern, 'g')
    while ([...this.stderr.matchAll(all)].length < times) {
      if (this.process.exitCode !== null)
        throw new Error(`it ended without saying ${pattern}:\n${this.stderr}`)
      await Promise.race([once(this.process.stderr!, 'data'), this.#ended])
    }
  }

  async exitCode(): Promise<number | null> {
    await this.#ended
    return this.process.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL')
    await this.#ended
  }
}
