import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FromChild, ToChild } from './messages.ts'

/** A child process of `millrace dev`, asked one thing at a time. */
export interface ChildHandle {
  /** Sends a message; resolves with the answer, undefined when the process ended instead. */
  ask(message: ToChild): Promise<FromChild | undefined>
  /** Lets it drain, commit and end. */
  exit(): Promise<void>
  /** Ends it at once. */
  kill(): void
  /** Called when it fails or ends without having been asked anything. */
  onTrouble(listener: (what: 'failed' | 'ended') => void): void
}

/** Beside this file, as source or as built code. */
const CHILD = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url),
)

export function forkChild(cwd: string): ChildHandle {
  return new ForkedChild(fork(CHILD, { cwd, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }))
}

class ForkedChild implements ChildHandle {
  readonly #process: ChildProcess
  readonly #ended: Promise<undefined>
  #answer: ((message: FromChild | undefined) => void) | undefined
  #trouble: (what: 'failed' | 'ended') => void = () => {}

  constructor(child: ChildProcess) {
    this.#process = child
    child.on('message', (message: FromChild) => {
      if (message.kind === 'failed') this.#trouble('failed')
      else this.#give(message)
    })
    this.#ended = new Promise(resolve => {
      const end = () => {
        resolve(undefined)
        if (this.#answer === undefined) this.#trouble('ended')
        else this.#give(undefined)
      }
      child.once('exit', end)
      child.once('error', end)
    })
  }

  #give(message: FromChild | undefined): void {
    const answer = this.#answer
    this.#answer = undefined
    answer?.(message)
  }

  ask(message: ToChild): Promise<FromChild | undefined> {
    if (!this.#process.connected) return Promise.resolve(undefined)
    return new Promise(resolve => {
      this.#answer = resolve
      this.#process.send(message)
    })
  }

  async exit(): Promise<void> {
    this.#trouble = () => {}
    if (this.#process.connected) this.#process.send({ kind: 'exit' } satisfies ToChild)
    await this.#ended
  }

  kill(): void {
    this.#trouble = () => {}
    this.#process.kill('SIGKILL')
  }

  onTrouble(listener: (what: 'failed' | 'ended') => void): void {
    this.#trouble = listener
  }
}
