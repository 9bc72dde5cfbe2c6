import { type FetchedPartition, LogError } from '../log/log.ts'
import { isTableInput, type SubTopologyInput } from '../plan/sub-topology.ts'
import { batchInfo } from '../record/batch.ts'
import { RecordCursor } from '../record/cursor.ts'
import type { KeyKind } from '../serde/serde.ts'

/** A partition that others of its pipeline wait for. */
export interface SlowPartition {
  readonly topic: string
  readonly partition: number
  /** -∞ before its first record. */
  readonly watermark: number
}

/** What the log has not answered for so long may be unreachable: a fetch waits half a second at most. */
const answerMsMax = 1_500
/** More than a task has inputs. */
const ranksOfGlobals = 2 ** 32

/**
 * One partition that a task reads: its buffered batches, the cursor on the one in work, and the position
 * that a commit stores.
 */
export class TaskInput {
  /** Its place among the task's inputs. */
  readonly index: number
  /** Which of the program's loops reads it: partitions of a global topic share one. */
  readonly loop: number
  readonly topic: string
  readonly partition: number
  readonly origin: SubTopologyInput
  /** Register of the task's times that its records are judged by (SEMANTICS 3.2): a source channel's watermark, or the one carried with the record. */
  readonly judgedAt: number
  readonly cursor = new RecordCursor()
  /** Index of the channel the record in work belongs to; -1 before a repartition batch's first marker. */
  channel: number
  keyKind: KeyKind | 0
  /** A record that was decoded but not yet taken, because another input's head comes first. */
  held = false
  heldValue: unknown = undefined
  heldTime = 0
  /** The mark of the cursor up to which the open batch has been looked at ahead of the loop. */
  lookedAhead = 0
  /** Records before it were processed before the last restore. */
  readonly startOffset: number
  /** The offset the log holds for the task, -1 for none: what the next commit replaces. */
  committedOffset: number
  /** Where the next fetch begins. */
  fetchOffset: number
  highWatermark = -1
  /** How far it can be read, as the last fetch saw it. */
  stableOffset = -1
  /** What the source's watermark function has said with the record in work; -∞ for nothing. */
  said = Number.NEGATIVE_INFINITY
  /** Monotonic time of the last answer of the log, whatever was in it. */
  answeredMs = Number.NEGATIVE_INFINITY
  /** Monotonic time of the first request since the last answer; undefined when there is none. */
  askedMs: number | undefined
  bufferedBytes = 0
  /** Monotonic time since when the partition has been drained (SEMANTICS 3.4), undefined while it is not. */
  drainedSinceMs: number | undefined
  /** The slowest partition while this one is too far ahead of it to be read further (SEMANTICS 3.8). */
  pausedFor: SlowPartition | undefined
  /** Of the batches opened so far, less what was processed before the last restore. */
  recordsRead = 0
  bytesRead = 0
  /** Those of the records that are markers. */
  markersRead = 0

  readonly #queue: Queued[] = []
  /** Gives the memory of the open batch, and of those before it in the same answer, back to the log. */
  #release: (() => void) | undefined
  #open = false
  #exhausted = false
  /** Times of the first and the newest record of the batch opened last; -1 without times. */
  #openedTimes = { first: -1, newest: -1 }
  /** Next offset once the open batch is used up, or where to start. */
  #nextOffset: number

  constructor(options: {
    index: number
    loop: number
    topic: string
    partition: number
    origin: SubTopologyInput
    channel: number
    judgedAt: number
    keyKind: KeyKind | 0
    offset: number
    committedOffset: number
  }) {
    this.index = options.index
    this.loop = options.loop
    this.topic = options.topic
    this.partition = options.partition
    this.origin = options.origin
    this.channel = options.channel
    this.judgedAt = options.judgedAt
    this.keyKind = options.keyKind
    this.startOffset = options.offset
    this.committedOffset = options.committedOffset
    this.fetchOffset = options.offset
    this.#nextOffset = options.offset
  }

  /** One of all partitions of its topic: it has no part in event time, nor in what is committed (SEMANTICS 6.4). */
  get isGlobal(): boolean {
    return this.origin.kind === 'source' && this.origin.node.isGlobal
  }

  /** Of two heads of one time that of the smaller rank goes first (SEMANTICS 6.1); global tables do before all. */
  get rank(): number {
    return this.isGlobal && isTableInput(this.origin) ? this.index - ranksOfGlobals : this.index
  }

  #openBatch(batch: Uint8Array): void {
    try {
      this.cursor.open(batch)
    } catch (cause) {
      const place = `${this.topic}/${this.partition} at ${this.#nextOffset}`
      throw new LogError('corrupt', `What was read of ${place} is broken: ${(cause as Error).message}`, {
        cause,
      })
    }
  }

  /** Takes what a fetch brought; an answer to an older position is dropped. */
  offer(fetched: FetchedPartition, nextOffsetOf: (batch: Uint8Array) => number, monotonicMs: number): void {
    const { batches, release } = fetched
    const isOld = fetched.offset !== this.fetchOffset
    // Of a partition that was asked for and not answered yet nothing is known.
    const isAnswered = fetched.highWatermark >= 0
    if (isAnswered) this.askedMs = undefined
    if (isOld || batches.length === 0) release?.()
    if (isOld) return
    this.highWatermark = fetched.highWatermark
    if (isAnswered) {
      this.answeredMs = monotonicMs
      this.stableOffset = Math.min(fetched.stableOffset ?? Infinity, fetched.highWatermark)
    }
    for (const batch of batches) {
      this.#queue.push({ batch, release: batch === batches.at(-1) ? release : undefined })
      this.bufferedBytes += batch.length
      this.fetchOffset = nextOffsetOf(batch)
    }
    if (batches.length > 0) this.drainedSinceMs = undefined
    else if (this.isDrained) this.drainedSinceMs ??= monotonicMs
  }

  /** The log was asked for what comes next. */
  asked(monotonicMs: number): void {
    this.askedMs ??= monotonicMs
  }

  /** The request failed: what is behind an unreachable log is not known to be drained (SEMANTICS 3.4). */
  unreachable(): void {
    this.highWatermark = -1
    this.drainedSinceMs = undefined
    this.askedMs = undefined
  }

  /** Since when it has been drained; undefined, too, while the log is silent (SEMANTICS 3.4). */
  idleSinceMs(monotonicMs: number): number | undefined {
    const isSilent = this.askedMs !== undefined && monotonicMs - this.askedMs > answerMsMax
    return isSilent ? undefined : this.drainedSinceMs
  }

  /** Goes on at another offset once what is buffered is used up: the log does not hold what comes next. */
  skipTo(offset: number): void {
    this.fetchOffset = offset
    if (this.isEmpty) this.#nextOffset = offset
    this.drainedSinceMs = undefined
    this.askedMs = undefined
  }

  /** Nothing buffered and, as far as the last fetch saw, nothing left to fetch. */
  get isDrained(): boolean {
    return this.isEmpty && this.highWatermark >= 0 && this.fetchOffset >= this.highWatermark
  }

  /** Nothing buffered: neither an open batch with records left nor a queued one. */
  get isEmpty(): boolean {
    return this.#queue.length === 0 && (!this.#open || this.#exhausted)
  }

  /** The offset a commit stores: that of the first record not yet processed. */
  get position(): number {
    if (!this.#open || this.#exhausted) return this.#nextOffset
    if (this.held) return this.cursor.offset
    return this.cursor.offset < 0 ? this.#nextOffset : Math.max(this.cursor.offset + 1, this.#nextOffset)
  }

  /** Makes sure a batch is open, or answers false when nothing is buffered. Throws `LogError` code `corrupt`. */
  openBatch(): boolean {
    if (this.#open && !this.#exhausted) return true
    const queued = this.#queue.shift()
    if (queued === undefined) return false
    this.#openBatch(queued.batch)
    this.bufferedBytes -= queued.batch.length
    this.lookedAhead = 0
    this.#release = queued.release
    this.#measure(queued.batch)
    this.#open = true
    this.#exhausted = false
    return true
  }

  #measure(batch: Uint8Array): void {
    const { recordCount, baseOffset, maxTimestamp } = batchInfo(batch)
    this.recordsRead += Math.max(0, recordCount - Math.max(0, this.startOffset - baseOffset))
    this.bytesRead += batch.length
    this.#openedTimes = { first: firstTimestamp(batch), newest: maxTimestamp }
  }

  /**
   * About when the next record to be processed was made: the first one of its batch, or, while none is buffered, the last one
   * before it. Undefined before the first batch; -1 without times.
   */
  get nextTimestamp(): number | undefined {
    const next = this.#queue[0]
    if (this.#open && !this.#exhausted) return this.#openedTimes.first
    if (next !== undefined) return firstTimestamp(next.batch)
    return this.#open ? this.#openedTimes.newest : undefined
  }

  /**
   * The loop calls it when the cursor has no further record. From here on nothing points into the batch: values, keys and headers
   * that callbacks hold are copies, what was written is in a batch of its own, and a call that waits keeps its batch open.
   */
  closeBatch(): void {
    this.#exhausted = true
    this.#nextOffset = this.cursor.lastOffset + 1
    this.#release?.()
    this.#release = undefined
  }
}

/** A batch that waits; `release` with the last one of an answer. */
interface Queued {
  readonly batch: Uint8Array
  readonly release: (() => void) | undefined
}

function firstTimestamp(batch: Uint8Array): number {
  const { baseTimestamp, maxTimestamp, isAppendTime } = batchInfo(batch)
  return isAppendTime ? maxTimestamp : baseTimestamp
}
