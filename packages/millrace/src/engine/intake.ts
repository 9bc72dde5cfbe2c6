import type { StreamRecord } from '../plan/record.ts'
import { readHeaders } from '../record/headers.ts'
import { isBroken } from '../std/broken-rules.ts'
import { messageOf, reasonOf, StepFailure, TaskStopped } from './failures.ts'
import { decodeMarker } from './marker.ts'
import type { Task } from './task.ts'
import type { TaskInput } from './task-input.ts'
import { UpstreamAdded } from './upstream-added.ts'

const ignoresEnds = isBroken('3.5')

/** The header of the record that ends a topic's input (SEMANTICS 3.5); the record has neither key nor value. */
export const endOfInputHeader = 'millrace.end-of-input'

/** A watermark channel (SEMANTICS 3.3): a source partition, or one upstream task of a re-keying. */
export interface Channel {
  /** The upstream task; for a source a text that no task has. */
  readonly name: string
  /** Its place in the task's times. */
  readonly channel: number
  /** Index of the input its records come in on. */
  readonly input: number
}

/** What a task does with records before the first step sees them: markers, ends, and what cannot be read. */
export class Intake {
  readonly #task: Task
  readonly channels: readonly Channel[]
  /** By input: one upstream task may write several re-keyings that meet here. */
  readonly #byUpstream: readonly ReadonlyMap<string, number>[]

  constructor(task: Task, channels: readonly Channel[]) {
    this.#task = task
    this.channels = channels
    this.#byUpstream = task.inputs.map(
      ({ index }) =>
        new Map(channels.filter(({ input }) => input === index).map(({ name, channel }) => [name, channel])),
    )
  }

  /**
   * Takes the marker in work. One that was `past` before a restart only says what records follow. False when
   * a slice of closing is used up. Throws `UpstreamAdded` where the task has no channel for it.
   */
  mark(input: TaskInput, past: boolean): boolean {
    const { cursor } = input
    input.markersRead++
    const marker = decodeMarker(cursor.buffer, cursor.valueStart, cursor.valueEnd)
    const channel =
      marker.upstream === '' ? input.channel : this.#byUpstream[input.index]!.get(marker.upstream)
    if (channel === undefined) throw new UpstreamAdded(marker.upstream, `${input.topic}/${input.partition}`)
    input.channel = channel
    input.keyKind = marker.keyKind
    const task = this.#task
    const { time } = task
    time.registers[input.judgedAt] = marker.own
    if (past) return true
    time.raise(channel, marker.watermark)
    time.setReleased(channel, marker.released)
    task.setEnd(channel, marker.end)
    return task.advance()
  }

  /** A record of a repartition topic that cannot be read back: a defect, or foreign hands (SEMANTICS 7.6). */
  unreadable(input: TaskInput, error: unknown): never {
    throw new TaskStopped(
      `The record at ${input.topic}/${input.partition} offset ${input.cursor.offset}, which Millrace wrote itself, cannot be read: ${messageOf(error)}`,
    )
  }

  reject(node: number, error: unknown): void {
    const { sides, input } = this.#task
    if (reasonOf(error) !== 'async-schema') return sides.rejected(node, wrapped(error))
    const { cursor } = input
    const time = Math.max(cursor.timestamp, 0)
    sides.failed(
      node,
      error,
      true,
      null,
      cursor.buffer,
      cursor.keyStart,
      cursor.keyEnd,
      undefined,
      time,
      undefined,
    )
  }

  isEndOfInput({ cursor }: TaskInput): boolean {
    if (cursor.headerCount === 0 || cursor.keyStart >= 0) return false
    const headers = readHeaders(cursor.buffer, cursor.headersStart, cursor.headersEnd)
    return headers.some(({ key }) => key === endOfInputHeader)
  }

  /** Ends the channel for good. False when a slice of closing is used up. */
  endOfInput(input: TaskInput): boolean {
    if (ignoresEnds || input.isGlobal) return true
    const task = this.#task
    task.setEnd(input.channel, { no: task.time.endOf(input.channel)?.no ?? 0, forGood: true })
    return task.advance()
  }

  noTimestamp(): StepFailure {
    return new StepFailure(
      'timestamp',
      'The record has no time; let the topic say where its event time is: timestamp: v => v.at',
    )
  }

  tooFarInFuture(t: number): StepFailure {
    return new StepFailure(
      'future',
      `Its time ${new Date(Math.min(t, 8.64e15)).toISOString()} lies further in the future than maxFuture allows`,
    )
  }

  /** The record view for a topic's `timestamp` callback: its time is still the log's. */
  sourceRecord({ cursor, keyKind }: TaskInput): StreamRecord {
    const { record } = this.#task
    return record.set(
      cursor.buffer,
      cursor.keyStart,
      cursor.keyEnd,
      undefined,
      keyKind,
      cursor.timestamp,
      undefined,
    )
  }
}

/** Any throw of a decoder or `timestamp` callback has a reason: that of Millrace's own errors, or `malformed`. */
function wrapped(error: unknown): unknown {
  return error instanceof Error && 'reason' in error ? error : new StepFailure('malformed', messageOf(error))
}
