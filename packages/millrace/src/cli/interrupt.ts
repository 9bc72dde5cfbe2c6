import { ExitCode } from './exit-codes.ts'

/** A wish to stop, and what the process answers with when it has. */
export class Interrupt {
  readonly #controller = new AbortController()
  #exitCode: ExitCode | undefined

  /** Aborts when the command should finish what is under way and end. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Undefined as long as nobody wants the command to stop. */
  get exitCode(): ExitCode | undefined {
    return this.#exitCode
  }

  get isRequested(): boolean {
    return this.#exitCode !== undefined
  }

  request(exitCode: ExitCode): void {
    if (this.#exitCode !== undefined) return
    this.#exitCode = exitCode
    this.#controller.abort()
  }

  /** Resolves when a stop is wanted. */
  wait(): Promise<void> {
    if (this.isRequested) return Promise.resolve()
    return new Promise(resolve => this.signal.addEventListener('abort', () => resolve(), { once: true }))
  }
}

/** What of a process signals have to do with. */
export interface SignalSource {
  on(event: 'SIGINT' | 'SIGTERM' | 'disconnect', listener: () => void): unknown
}

export interface SignalRules {
  now(): number
  /** Told once, when the first signal came. */
  onFirst(exitCode: ExitCode): void
  /** Ends the process at once. */
  onSecond(exitCode: ExitCode): void
}

/**
 * npm passes Ctrl-C on to a process that the terminal has told already, so what follows the first signal this
 * closely is the same wish.
 */
const SAME_WISH_MS = 400

/** The first signal asks the command to drain and stop, a second one ends the process at once. */
export function listenToSignals(source: SignalSource, interrupt: Interrupt, rules: SignalRules): void {
  let firstMs: number | undefined
  const hear = (exitCode: ExitCode) => {
    if (firstMs === undefined) {
      firstMs = rules.now()
      interrupt.request(exitCode)
      rules.onFirst(exitCode)
    } else if (rules.now() - firstMs >= SAME_WISH_MS) rules.onSecond(exitCode)
  }
  source.on('SIGINT', () => hear(ExitCode.interrupted))
  source.on('SIGTERM', () => hear(ExitCode.terminated))
  source.on('disconnect', () => interrupt.request(ExitCode.terminated))
}
