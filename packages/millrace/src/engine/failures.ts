import { encodeHeaders, type Header, readHeaders } from '../record/headers.ts'

/** What a side stream says about a record, as headers (SEMANTICS 7.1). */
export interface Incident {
  readonly step: string
  readonly reason: string
  readonly error: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly attempt: number
}

/** Longer messages are cut: a header must never make a record too large. */
const errorLengthMax = 2_000

/** The raw header section of a side-stream record: the record's own headers, then what happened to it. */
export function incidentHeaders(incident: Incident, own: Uint8Array | null, start = 0, end = 0): Uint8Array {
  const kept =
    own === null ? [] : readHeaders(own, start, end).filter(({ key }) => !key.startsWith('millrace.'))
  return encodeHeaders([
    ...kept,
    text('millrace.step', incident.step),
    text('millrace.reason', incident.reason),
    text('millrace.error', incident.error.slice(0, errorLengthMax)),
    text('millrace.topic', incident.topic),
    text('millrace.partition', String(incident.partition)),
    text('millrace.offset', String(incident.offset)),
    text('millrace.attempt', String(incident.attempt)),
  ])
}

function text(key: string, value: string): Header {
  return { key, value: Buffer.from(value) }
}

/** A defect in a callback's result, with the reason its record's headers carry. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure'
  readonly reason: string
  constructor(reason: string, message: string) {
    super(message)
    this.reason = reason
  }
}

/** The short reason of an error: that of Millrace's own errors, `callback` for anything a callback threw. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error && 'reason' in error && typeof error.reason === 'string') return error.reason
  if (error instanceof Error && error.name === 'RecordTooLarge') return 'too-large'
  return 'callback'
}

/** Never throws, whatever was thrown. */
export function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  } catch {
    return 'an error that cannot be shown'
  }
}

/** Stops a task for good: going on would be wrong (SEMANTICS 7.1, 7.6). */
export class TaskStopped extends Error {
  override readonly name = 'TaskStopped'
}

/**
 * Says whether too many of a task's last hundred records failed (SEMANTICS 7.1). Positions are offsets of one
 * input, so a gap that compaction left counts as records that went well.
 */
export class FailureRate {
  readonly #window = 100
  readonly #limit: number
  readonly #recent: number[] = []

  constructor(maxFailureRate: number) {
    this.#limit = Math.floor(this.#window * maxFailureRate)
  }

  /** Counts a failure at `offset`; `records` is how many the task has taken. True when it must stop. */
  exceeded(offset: number, records: number): boolean {
    this.#recent.push(offset)
    if (this.#recent.length > this.#limit + 1) this.#recent.shift()
    if (records < this.#window || this.#recent.length <= this.#limit) return false
    return offset - this.#recent[0]! < this.#window
  }
}
