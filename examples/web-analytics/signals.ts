import { UsageError } from './flags.ts'

/** The process was asked to stop. */
class Interrupted extends Error {
  readonly code: number
  constructor(code: number) {
    super('Interrupted')
    this.code = code
  }
}

/** Aborts at Ctrl-C or SIGTERM, or when npm, which passes them on, is gone. A second one ends the process at once. */
export function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const stop = (code: number) => {
    if (controller.signal.aborted) process.exit(code)
    controller.abort(new Interrupted(code))
  }
  process.on('SIGINT', () => stop(130))
  process.on('SIGTERM', () => stop(143))
  const parent = process.ppid
  const isOrphan = () => process.env.npm_lifecycle_event !== undefined && process.ppid !== parent
  const watch = setInterval(() => {
    if (!isOrphan()) return
    clearInterval(watch)
    stop(143)
  }, 500)
  watch.unref()
  return controller.signal
}

/** 130 and 143 for signals, 2 for a command line that makes no sense or meets another process, 1 for everything else. */
export function exitCodeOf(error: unknown): { code: number; message: string } {
  // What a timer or a stream throws when it is aborted has the reason inside.
  const cause = error instanceof Error && error.name === 'AbortError' ? error.cause : error
  if (cause instanceof Interrupted) return { code: cause.code, message: cause.message }
  if (cause instanceof UsageError) return { code: 2, message: cause.message }
  return { code: 1, message: cause instanceof Error ? cause.message : String(cause) }
}
