import type { AsyncCall } from '../../plan/async-call.ts'
import type { AsyncMapNode } from '../../plan/graph.ts'
import { serdeAt } from '../../plan/serde-at.ts'
import { readHeaders } from '../../record/headers.ts'
import { deepFreeze } from '../../serde/freeze.ts'
import { KeyKind } from '../../serde/serde.ts'
import type { TableStore } from '../../state/table-store.ts'
import type { CallExplanation } from '../explain.ts'
import { type Result, resultOf } from '../process/results.ts'
import type { StatefulStep } from '../stateful-step.ts'
import type { Task } from '../task.ts'
import { Attempts, type Outcome } from './attempts.ts'
import { type CallRecord, callRecordOf } from './call-record.ts'
import { CallRows } from './call-rows.ts'
import { KeyOrder } from './key-order.ts'

/** A record that waits for its result. */
export interface PendingCall {
  /** In the order of the records. */
  readonly number: number
  readonly record: CallRecord
  readonly attempts: Attempts
  /** Monotonic time when it came, or was restored. */
  readonly sinceMs: number
  /** Set when the call is settled. */
  outcome: { readonly result: Result } | { readonly error: unknown } | undefined
}

export interface AsyncPlan {
  readonly node: AsyncMapNode
  /** Values are frozen (SEMANTICS 5.4). */
  readonly freeze: boolean
}

/** How many records may wait for each call that may be made at once. */
const waitingPerCall = 4

/** One `asyncMap` in one task: the records whose calls are under way, and their results (SEMANTICS 7.4). */
export class AsyncStep implements StatefulStep {
  readonly store: TableStore
  readonly kind = KeyKind.bytes
  /** Calls made, and those of them that were made again. */
  readonly counters = { calls: 0, retries: 0, failures: 0 }
  readonly #task: Task
  readonly #plan: AsyncPlan
  readonly #rows: CallRows
  /** In the order of their numbers, which is that of their records. */
  readonly #pending = new Map<number, PendingCall>()
  /** Calls that have not begun. */
  #waiting: PendingCall[] = []
  /** Calls that are settled and may give on what came of them. */
  #ready: PendingCall[] = []
  readonly #order: KeyOrder | undefined
  #running = 0
  #next = 0
  #isClosed = false

  constructor(task: Task, plan: AsyncPlan, store: TableStore) {
    this.#task = task
    this.#plan = plan
    this.store = store
    this.#rows = new CallRows(store)
    this.#order = plan.node.order === 'key' ? new KeyOrder() : undefined
  }

  get name(): string {
    return this.#plan.node.name
  }

  /** The id of its node. */
  get node(): number {
    return this.#plan.node.id
  }

  keyRange(_bytes: Buffer, start: number, end: number): readonly [number, number] {
    return CallRows.keyRange(start, end)
  }

  get isIdle(): boolean {
    return this.#pending.size === 0
  }

  /** How many records wait for their results. */
  get size(): number {
    return this.#pending.size
  }

  get isFull(): boolean {
    return this.#pending.size >= waitingPerCall * this.#plan.node.concurrency
  }

  /** The record that holds event time back; undefined where none waits. */
  get oldest(): PendingCall | undefined {
    for (const call of this.#pending.values()) return call
    return undefined
  }

  /** The oldest record for people; there must be one. */
  explainOldest(): CallExplanation {
    const { record, attempts, sinceMs } = this.oldest!
    const { topic, offset, t: timestamp } = record
    return {
      step: this.name,
      key: this.#keyOf(record),
      topic,
      offset,
      timestamp,
      waitedMs: this.#task.clock.monotonic() - sinceMs,
      attempt: attempts.failed,
      waiting: this.size,
    }
  }

  #keyOf({ key, kind }: CallRecord): unknown {
    return key === undefined ? null : this.#task.readKey(kind, key, 0, key.length)
  }

  /**
   * What event time cannot go beyond behind this step: where it was when the oldest pending record came. So nothing that was in time
   * then is late when its result leaves, whatever time the callback gives that.
   */
  get heldAt(): number {
    return this.oldest?.record.reached ?? Number.POSITIVE_INFINITY
  }

  /** Takes a record in; the arguments are those of `Arrival`. */
  arrive(
    raw: boolean,
    v: unknown,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Uint8Array | null | undefined,
  ): void {
    const task = this.#task
    const { node } = this.#plan
    let record: CallRecord
    try {
      record = callRecordOf(task, node, raw, v, kb, ks, ke, k, t, h)
    } catch (error) {
      task.sides.failed(node.id, error, raw, v, kb, ks, ke, k, t, h)
      return
    }
    const call = this.#add(this.#next, record)
    this.#rows.added(call)
    this.#begin()
  }

  #add(number: number, record: CallRecord): PendingCall {
    const attempts = new Attempts(this.#plan.node, this.#task.clock, signal => this.#call(call, signal))
    const sinceMs = this.#task.clock.monotonic()
    const call: PendingCall = { number, record, attempts, sinceMs, outcome: undefined }
    this.#next = number + 1
    this.#pending.set(number, call)
    this.#waiting.push(call)
    this.#order?.add(call)
    return call
  }

  #begin(): void {
    while (this.#waiting.length > 0 && this.#running < this.#plan.node.concurrency) {
      const call = this.#waiting.shift()!
      this.#running++
      call.attempts.start(
        outcome => this.#settled(call, outcome),
        () => this.counters.retries++,
      )
    }
  }

  /** Makes a call once. */
  #call({ record, attempts }: PendingCall, signal: AbortSignal): unknown {
    const task = this.#task
    const { node } = this.#plan
    this.counters.calls++
    const { t, headers, topic, offset } = record
    const call: AsyncCall = {
      key: this.#keyOf(record),
      timestamp: t,
      headers: headersOf(headers),
      topic,
      partition: task.partition,
      offset,
      attempt: attempts.failed,
      signal,
    }
    return node.fn(this.#valueOf(record), call)
  }

  /** Reads a value that was restored as bytes. */
  #valueOf(record: CallRecord): unknown {
    const { node, freeze } = this.#plan
    const { value, bytes } = record
    if (value !== undefined || bytes === undefined) return value
    const { serde } = serdeAt(this.#task.plan.graph, node.inputs[0]!)!
    const read = serde.deserialize(bytes, 0, bytes.length)
    return freeze ? deepFreeze(read) : read
  }

  #settled(call: PendingCall, outcome: Outcome): void {
    this.#running--
    call.outcome = this.#checked(call, outcome)
    if (this.#order === undefined) this.#ready.push(call)
    else this.#ready.push(...this.#order.settled(call))
    this.#begin()
    this.#task.wake()
  }

  #checked({ record }: PendingCall, outcome: Outcome): NonNullable<PendingCall['outcome']> {
    if ('error' in outcome) return outcome
    try {
      return { result: resultOf(outcome.returned, record.t, this.#plan.freeze) }
    } catch (error) {
      return { error }
    }
  }

  /** Gives on what may leave, and begins calls that were restored; false when nothing left. */
  giveOn(): boolean {
    this.#begin()
    let gave = false
    while (this.#ready.length > 0 && !this.#task.parked.hasCalls) {
      const call = this.#ready.shift()!
      this.#give(call)
      this.#pending.delete(call.number)
      this.#rows.removed(call)
      gave = true
    }
    return gave
  }

  /** What was in time when it came is judged by the watermark that it was judged by then. */
  #give({ record, attempts, outcome }: PendingCall): void {
    const task = this.#task
    const before = task.rowKeyKind
    task.rowKeyKind = record.kind
    task.rowWatermark = record.own
    try {
      if ('result' in outcome!) this.#send(record, outcome.result)
      else {
        this.counters.failures++
        const { node } = this.#plan
        task.sides.countFailure(task.sides.failedLater(node, outcome!.error, record, attempts.failed))
      }
    } finally {
      task.rowKeyKind = before
      task.rowWatermark = Number.NaN
    }
  }

  #send({ key = noKey, headers }: CallRecord, result: Result): void {
    const task = this.#task
    const arrive = task.program.outs.get(this.node)!
    const start = key === noKey ? -1 : 0
    arrive(
      task,
      result.value,
      key,
      start,
      start < 0 ? -1 : key.length,
      result.key,
      result.time,
      result.headers ?? headers,
    )
  }

  /** After the task's end nothing leaves any more, and calls under way are aborted. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const reason = new Error(
      `Task ${this.#task.name} has ended or moved; the call is made again where it goes on`,
    )
    for (const { attempts } of this.#pending.values()) attempts.close(reason)
    this.#pending.clear()
    this.#waiting = []
    this.#ready = []
  }

  get hasChanges(): boolean {
    return this.#rows.hasChanges
  }

  /** What has come and gone since the last cut is never written. */
  settleClosing(): void {
    this.#rows.write()
  }

  restored(): void {
    this.#rows.restored((number, record) => this.#add(number, record))
  }

  nextDue(): undefined {
    return undefined
  }
}

const noKey = Buffer.alloc(0)

function headersOf(section: Uint8Array | null): AsyncCall['headers'] {
  if (section === null) return []
  return readHeaders(section, 0, section.length).map(({ key, value }) => ({
    name: key,
    value: value ?? new Uint8Array(0),
  }))
}
