import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Clock } from '../../std/clock.ts'
import { asLogError, isBusy } from './errors.ts'
import { DATABASE_FILE, PAGE_BYTES } from './layout.ts'

export interface CheckpointOptions {
  readonly db: DatabaseSync
  readonly directory: string
  readonly clock: Clock
  /** How long the write-ahead log grows before it is copied into the database. */
  readonly walBytes: number
  describeReaders(): string
  onWarning(message: string): void
  /** The disk failed. */
  onBroken(error: unknown): void
}

/** Pages that a small commit writes beside its batches. */
const PAGES_PER_COMMIT = 4
const IDLE_MS = 500
/** So many times its size and the write-ahead log is worth waiting for readers. */
const FORCE_FACTOR = 4
const WARN_FACTOR = 16
const WARN_EVERY_MS = 60_000
const FORCE_EVERY_MS = 250

/**
 * Copies the write-ahead log into the database: after an answer, never before one, and once more when
 * nothing happens, when the file is also cut to nothing.
 *
 * The write-ahead log starts over only when no reader stands in it. Reads last milliseconds; a process
 * frozen in the middle of one makes the file grow until it goes on or dies, and is named then.
 */
export class Checkpoints {
  readonly #options: CheckpointOptions
  readonly #passive: StatementSync
  readonly #truncate: StatementSync
  #writtenBytes = 0
  #cancelIdle = () => {}
  #due: NodeJS.Immediate | undefined
  #warnedMs = Number.NEGATIVE_INFINITY
  #forcedMs = Number.NEGATIVE_INFINITY

  constructor(options: CheckpointOptions) {
    this.#options = options
    this.#passive = options.db.prepare('PRAGMA wal_checkpoint(PASSIVE)')
    this.#truncate = options.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  /** Takes note of a commit. */
  committed(bytes: number): void {
    const { clock, walBytes } = this.#options
    this.#writtenBytes += bytes + PAGES_PER_COMMIT * PAGE_BYTES
    this.#cancelIdle()
    this.#cancelIdle = clock.after(IDLE_MS, () => this.#idle())
    if (this.#writtenBytes >= walBytes) this.#due ??= setImmediate(() => this.#run())
  }

  #run(): void {
    this.#due = undefined
    const { clock, walBytes } = this.#options
    const size = this.#walSize()
    const now = clock.monotonic()
    if (size > FORCE_FACTOR * walBytes && now - this.#forcedMs > FORCE_EVERY_MS) {
      this.#forcedMs = now
      if (!this.#attempt(this.#truncate) && size > WARN_FACTOR * walBytes) this.#warn(size, now)
    } else this.#attempt(this.#passive)
    this.#writtenBytes = 0
  }

  #warn(size: number, now: number): void {
    if (now - this.#warnedMs < WARN_EVERY_MS) return
    this.#warnedMs = now
    const { directory, describeReaders, onWarning } = this.#options
    onWarning(
      `The write-ahead log in ${directory} is ${Math.round(size / 1e6)} MB, because a reader does not go on: ${describeReaders()}`,
    )
  }

  #idle(): void {
    if (this.#writtenBytes === 0 && this.#walSize() === 0) return
    if (this.#attempt(this.#truncate)) this.#writtenBytes = 0
    else this.#cancelIdle = this.#options.clock.after(IDLE_MS, () => this.#idle())
  }

  /** True when everything is in the database. */
  #attempt(checkpoint: StatementSync): boolean {
    try {
      const { busy, log, checkpointed } = checkpoint.get() as {
        busy: number
        log: number
        checkpointed: number
      }
      return busy === 0 && log === checkpointed
    } catch (error) {
      // Without space the write-ahead log stays as it is, and is tried again with the next commits.
      if (isBusy(error) || asLogError(error, this.#options.directory).code === 'disk-full') return false
      this.#options.onBroken(error)
      return false
    }
  }

  #walSize(): number {
    return statSync(join(this.#options.directory, `${DATABASE_FILE}-wal`)).size
  }

  stop(): void {
    this.#cancelIdle()
    if (this.#due !== undefined) clearImmediate(this.#due)
  }
}
