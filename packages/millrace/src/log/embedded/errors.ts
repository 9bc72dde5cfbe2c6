import { LogError } from '../log.ts'

/** Primary result codes of SQLite that mean something to a caller. */
const BUSY = 5
const LOCKED = 6
const READ_ONLY = 8
const IO_ERROR = 10
const CORRUPT = 11
const FULL = 13
const CANNOT_OPEN = 14
const NOT_A_DATABASE = 26
/** The wal-index could not be made larger, which happens on a full disk before anything is written. */
const IO_ERROR_SHM_SIZE = 10 | (19 << 8)

/** SQLite's extended result code of an error, or -1 when it is not SQLite's. */
function resultCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code : -1
}

/** Somebody else holds the lock. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error)
  return code !== -1 && ((code & 0xff) === BUSY || (code & 0xff) === LOCKED)
}

/** After it nothing that was not yet flushed can be trusted, not even a retry of the flush. */
export function isIoError(error: unknown): boolean {
  const code = resultCode(error)
  return code !== -1 && (code & 0xff) === IO_ERROR && code !== IO_ERROR_SHM_SIZE
}

/** What an error of SQLite means for a caller of the log, with the directory and a way out in the message. */
export function asLogError(error: unknown, directory: string): LogError {
  if (error instanceof LogError) return error
  const cause = error as Error
  const code = resultCode(error)
  const primary = code === -1 ? -1 : code & 0xff
  if (primary === FULL || code === IO_ERROR_SHM_SIZE || isNoSpace(cause)) {
    const message = `No space left for the log in ${directory}: nothing of this was written; free space and try again`
    return new LogError('disk-full', message, { cause, retriable: true })
  }
  if (primary === READ_ONLY || isNotWritable(cause)) {
    const message = `Cannot write to ${directory}: the log needs a directory that this user may write to`
    return new LogError('read-only', message, { cause })
  }
  if (primary === NOT_A_DATABASE) {
    const message = `${directory}/log.db is not a Millrace log: choose another directory, or move that file away`
    return new LogError('layout', message, { cause })
  }
  if (primary === CORRUPT) {
    const message = `The log in ${directory} is damaged (${cause.message}): restore it from a copy, or start a new directory`
    return new LogError('corrupt', message, { cause })
  }
  if (primary === BUSY || primary === LOCKED) {
    const message = `The log in ${directory} is locked by another process`
    return new LogError('locked', message, { cause, retriable: true })
  }
  if (primary === CANNOT_OPEN) {
    const message = `Cannot open the log in ${directory} (${cause.message})`
    return new LogError('unavailable', message, { cause })
  }
  const message = `The log in ${directory} failed: ${cause.message}`
  return new LogError('unavailable', message, { cause })
}

function isNoSpace(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOSPC' || code === 'EDQUOT'
}

function isNotWritable(error: Error): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'EROFS' || code === 'EACCES' || code === 'EPERM'
}
