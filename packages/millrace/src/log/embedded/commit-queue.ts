import { isBroken } from '../../std/broken-rules.ts'
import type { Clock } from '../../std/clock.ts'
import { CommitError, LogError } from '../log.ts'
import { isBusy, isIoError } from './errors.ts'
import type { WriteStore } from './write-store.ts'

/** One change that waits for its transaction. */
export interface Change {
  /** Makes the change; refuses, by throwing a `LogError` or `CommitError`, before it has written anything. */
  readonly apply: () => unknown
  /** Called after the flush. */
  readonly done: (answer: unknown) => void
  readonly failed: (error: unknown) => void
  /** Bytes to be written, so that a transaction stays short. */
  readonly bytes: number
  /** After so long a wait for the lock, whoever holds it is named. */
  readonly warnAfterMs: number
  /** A failed flush leaves the outcome open, which only a commit's caller can deal with. */
  readonly isCommit: boolean
}

export interface CommitQueueOptions {
  readonly store: WriteStore
  readonly clock: Clock
  readonly lockTimeoutMs: number
  /** Says which process holds the lock, as far as that can be known. */
  describeHolder(): string
  onWarning(message: string): void
  /** Called after each transaction, with the bytes it put. */
  onCommitted(bytes: number): void
}

const answersEarly = isBroken('9.1')
/** Changes that wait together share a transaction and a flush, up to this size. */
const TRANSACTION_BYTES_MAX = 16 * 1024 * 1024
const LOCK_RETRY_MS = 2

type Outcome = { readonly change: Change; readonly answer?: unknown; readonly error?: unknown }

/**
 * Brings changes into the log, in the order they came. Those that wait share one flush; none is answered
 * before it.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions
  #waiting: Change[] = []
  #cancelTurn: (() => void) | undefined
  /** Since when the lock is held by somebody else. */
  #lockedSinceMs = -1
  #warned = false
  /** So many changes get a transaction each, because one for all of them failed. */
  #singly = 0
  /** Set once a flush has failed: nothing is accepted any more. */
  #broken: LogError | undefined

  constructor(options: CommitQueueOptions) {
    this.#options = options
  }

  add(change: Change): void {
    if (this.#broken !== undefined) {
      change.failed(refusal(change, this.#broken))
      return
    }
    this.#waiting.push(change)
    this.#cancelTurn ??= this.#soon()
  }

  /** Messages that have already arrived are taken in first. */
  #soon(): () => void {
    const turn = setImmediate(() => this.#turn())
    return () => clearImmediate(turn)
  }

  /** Brings everything in that can be, and gives the thread back while the lock is taken. */
  #turn(): void {
    this.#cancelTurn = undefined
    if (this.#waiting.length === 0) return
    try {
      this.#options.store.begin()
    } catch (error) {
      if (isBusy(error)) this.#wait()
      else this.#fail(this.#waiting.splice(0), error)
      return
    }
    this.#lockedSinceMs = -1
    this.#warned = false
    this.#transact(this.#take())
    if (this.#waiting.length > 0) this.#cancelTurn ??= this.#soon()
  }

  #take(): Change[] {
    if (this.#singly > 0) {
      this.#singly--
      return this.#waiting.splice(0, 1)
    }
    let bytes = 0
    let count = 0
    for (const change of this.#waiting) {
      bytes += change.bytes
      if (count > 0 && bytes > TRANSACTION_BYTES_MAX) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /** Makes the changes in the transaction that has begun, and ends it. */
  #transact(changes: readonly Change[]): void {
    const { store } = this.#options
    let outcomes: Outcome[]
    try {
      outcomes = changes.map(attempt)
    } catch (error) {
      store.rollback()
      if (isIoError(error) || changes.length === 1) this.#fail(changes, error)
      else {
        // Each shows by itself whether it is to blame.
        this.#waiting.unshift(...changes)
        this.#singly = changes.length
      }
      return
    }
    if (answersEarly) answer(outcomes)
    try {
      store.end()
    } catch (error) {
      store.rollback()
      this.#fail(changes, error, isIoError(error))
      return
    }
    this.#options.onCommitted(changes.reduce((sum, change) => sum + change.bytes, 0))
    answer(outcomes)
  }

  #wait(): void {
    const { clock, lockTimeoutMs, describeHolder, onWarning } = this.#options
    if (this.#lockedSinceMs < 0) this.#lockedSinceMs = clock.monotonic()
    const waitedMs = clock.monotonic() - this.#lockedSinceMs
    const patienceMs = Math.min(...this.#waiting.map(change => change.warnAfterMs))
    if (waitedMs >= lockTimeoutMs) {
      const message = `The log's write lock was not free for ${Math.round(waitedMs)} ms: ${describeHolder()}`
      this.#lockedSinceMs = -1
      for (const change of this.#waiting.splice(0)) {
        change.failed(refusal(change, new LogError('locked', message, { retriable: true })))
      }
      return
    }
    if (waitedMs >= patienceMs && !this.#warned) {
      this.#warned = true
      onWarning(`Waiting for the log's write lock for ${Math.round(waitedMs)} ms: ${describeHolder()}`)
    }
    this.#cancelTurn = clock.after(LOCK_RETRY_MS, () => this.#turn())
  }

  #fail(changes: readonly Change[], error: unknown, isUnknown = false): void {
    if (isIoError(error)) this.break(error)
    for (const change of changes) {
      const message = `${(error as Error).message}${this.#broken === undefined ? '' : '; the log has stopped'}`
      if (!change.isCommit) change.failed(error)
      else change.failed(new CommitError(isUnknown ? 'unknown' : 'aborted', message, { cause: error }))
    }
  }

  /** Stops for good: the kernel may have dropped what it could not write, so no later flush proves anything. */
  break(error: unknown): void {
    const message = `The log stopped after an error of the disk (${(error as Error).message}): restart the process`
    this.#broken ??= new LogError('unavailable', message, { cause: error })
    for (const change of this.#waiting.splice(0)) change.failed(refusal(change, this.#broken))
  }
}

function attempt(change: Change): Outcome {
  try {
    return { change, answer: change.apply() }
  } catch (error) {
    if (error instanceof LogError || error instanceof CommitError) return { change, error }
    throw error
  }
}

function answer(outcomes: readonly Outcome[]): void {
  for (const { change, answer, error } of outcomes) {
    if (error === undefined) change.done(answer)
    else change.failed(error)
  }
}

/** What whoever asked is told when the change was not even tried. */
function refusal(change: Change, error: LogError): Error {
  return change.isCommit ? new CommitError('aborted', error.message, { cause: error }) : error
}
