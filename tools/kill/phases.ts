import { setTimeout as sleep } from 'node:timers/promises'

export interface PhasesOptions {
  /** Told of everything that went wrong. */
  readonly onProblem: (text: string) => void
  /** What is known of those that are waited for; asked when a phase is given up. */
  readonly state: () => Promise<readonly string[]>
}

/** What comes after a storm, one after the other; whatever one of them does, the verdict at their end is reached. */
export class Phases {
  /** What is waited for now. */
  now = 'the storm'
  readonly #options: PhasesOptions

  constructor(options: PhasesOptions) {
    this.#options = options
  }

  /** Gives undefined when it failed or took longer than `limitMs`; the reason is a problem then. */
  async run<T>(name: string, limitMs: number, work: () => Promise<T>): Promise<T | undefined> {
    const { onProblem, state } = this.#options
    this.now = name
    const late = new AbortController()
    try {
      const done = work()
      // What is given up may still fail.
      done.catch(() => {})
      const isLate = sleep(limitMs, true, { signal: late.signal }).catch(() => false)
      const first = await Promise.race([done.then(value => ({ value })), isLate])
      if (typeof first === 'object') return first.value
      onProblem(`${name}: not done within ${limitMs / 1000} s\n      ${(await state()).join('\n      ')}`)
    } catch (error) {
      onProblem(`${name}: ${(error as Error).stack ?? error}`)
    } finally {
      late.abort()
    }
    return undefined
  }
}
