import type { AsyncMapNode, ForEachNode, Port } from '../plan/graph.ts'
import { serdeAt } from '../plan/serde-at.ts'
import { labelOf } from '../plan/walk.ts'
import type { KeyKind } from '../serde/serde.ts'
import {
  type FailureRate,
  type Incident,
  incidentHeaders,
  messageOf,
  reasonOf,
  TaskStopped,
} from './failures.ts'
import type { Lane } from './lane.ts'
import { outputOf } from './output-name.ts'
import type { Task } from './task.ts'

type Headers = Uint8Array | null | undefined
type Side = 'failed' | 'rejected' | 'late'

export interface SideStreamOptions {
  readonly task: Task
  readonly failureRate: FailureRate
  /** The lane of a side topic, made at the first use. */
  readonly laneOf: (side: Side) => Lane
  /** Told once per kind of incident in this task (SEMANTICS 7.1). */
  readonly onFirst: (incident: Incident) => void
}

/**
 * Where a task's records go that cannot go on: along the pipeline's own side streams where they are wired,
 * else to the durable topics of SEMANTICS 7.1, with what happened in their headers.
 */
export class SideStreams {
  readonly #task: Task
  readonly #failureRate: FailureRate
  readonly #laneOf: SideStreamOptions['laneOf']
  readonly #onFirst: SideStreamOptions['onFirst']
  readonly #seen = new Set<string>()

  constructor(options: SideStreamOptions) {
    this.#task = options.task
    this.#failureRate = options.failureRate
    this.#laneOf = options.laneOf
    this.#onFirst = options.onFirst
  }

  /**
   * A step failed on a record. `raw` says that the value is the source's, so that its bytes are kept. Always
   * false, for the loop's convenience. Throws `TaskStopped` when too many fail.
   */
  failed(
    node: number,
    error: unknown,
    raw: boolean,
    v: unknown,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Headers,
  ): false {
    this.#task.counters.failed++
    const incident = this.#incident(node, error, this.#task.parked.attemptOf(node))
    this.#send(node, 'failed', incident, raw, v, kb, ks, ke, k, t, h)
    this.countFailure(incident)
    return false
  }

  /**
   * An asynchronous call failed for good; its record left the loop long ago. Gives what was told of it.
   */
  failedLater(
    node: ForEachNode | AsyncMapNode,
    error: unknown,
    record: LeftRecord,
    attempt: number,
  ): Incident {
    const task = this.#task
    task.counters.failed++
    const { value, bytes, topic, offset, t } = record
    const incident = { ...this.#incident(node.id, error, attempt), topic, offset }
    this.#announce('failed', incident)
    const headers = incidentHeaders(incident, record.headers, 0, record.headers?.length ?? 0)
    const key = record.key ?? noKey
    const ks = record.key === undefined ? -1 : 0
    if (!this.#isWired(node.id, 'failed')) {
      const lane = this.#laneOf('failed')
      const from = bytes ?? asBytes(value)
      const partition = lane.partitionOf(key, ks, key.length)
      lane.append(partition, t, key, ks, key.length, from, 0, from.length, headers, 0, headers.length)
      return incident
    }
    const serde = serdeAt(task.plan.graph, node.inputs[0]!)?.serde
    const whole =
      bytes === undefined || serde === undefined ? value : serde.deserialize(bytes, 0, bytes.length)
    const before = task.rowKeyKind
    task.rowKeyKind = record.kind
    this.#wired(node.id, 'failed', false, whole, key, ks, key.length, undefined, t, headers)
    task.rowKeyKind = before
    return incident
  }

  /** A source record that cannot be read, or lies too far in the future. */
  rejected(node: number, error: unknown): void {
    const { cursor } = this.#task.input
    this.#task.counters.rejected++
    const incident = this.#incident(node, error, 0)
    const value = this.#isWired(node, 'rejected')
      ? new Uint8Array(cursor.buffer.subarray(Math.max(cursor.valueStart, 0), Math.max(cursor.valueEnd, 0)))
      : undefined
    const time = Math.max(cursor.timestamp, 0)
    this.#send(
      node,
      'rejected',
      incident,
      true,
      value,
      cursor.buffer,
      cursor.keyStart,
      cursor.keyEnd,
      undefined,
      time,
      undefined,
    )
    this.countFailure(incident)
  }

  /** A record whose window has closed. `byRelease`: only because an idle channel had been released. */
  late(
    node: number,
    byRelease: boolean,
    raw: boolean,
    v: unknown,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Headers,
  ): void {
    this.#task.counters.late++
    if (byRelease) this.#task.counters.lateByRelease++
    this.#task.steps[node]?.noteLate?.(t)
    if (this.#isWired(node, 'late')) return this.#wired(node, 'late', raw, v, kb, ks, ke, k, t, h)
    const incident = this.#incident(node, new Late(byRelease), 0)
    this.#send(node, 'late', incident, raw, v, kb, ks, ke, k, t, h)
  }

  /** A record without a value; counted, and passed on where the pipeline takes `.tombstones`. */
  tombstone(node: number, kb: Buffer, ks: number, ke: number, t: number): void {
    this.#task.counters.tombstones++
    if (this.#isWired(node, 'tombstones'))
      this.#wired(node, 'tombstones', true, null, kb, ks, ke, undefined, t, undefined)
  }

  #isWired(node: number, port: Port): boolean {
    return this.#task.program.sides.has(outputOf(node, port))
  }

  #wired(
    node: number,
    port: Port,
    raw: boolean,
    v: unknown,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Headers,
  ): void {
    const { read, made } = this.#task.program.sides.get(outputOf(node, port))!
    const arrive = raw ? read : made
    arrive(this.#task, v, kb, ks, ke, k, t, h)
  }

  #send(
    node: number,
    side: Side,
    incident: Incident,
    raw: boolean,
    v: unknown,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Headers,
  ): void {
    this.#announce(side, incident)
    // Every task reads it, at every start: it would be written again and again.
    if (this.#task.input.isGlobal && this.#task.rowKeyKind === undefined) return
    const { cursor } = this.#task.input
    const headers =
      h === undefined
        ? incidentHeaders(incident, cursor.buffer, cursor.headersStart, cursor.headersEnd)
        : incidentHeaders(incident, h, 0, h?.length ?? 0)
    if (this.#isWired(node, side)) return this.#wired(node, side, raw, v, kb, ks, ke, k, t, headers)
    const lane = this.#laneOf(side)
    const partition = lane.partitionOf(kb, ks, ke)
    if (raw) {
      lane.append(
        partition,
        t,
        kb,
        ks,
        ke,
        cursor.buffer,
        cursor.valueStart,
        cursor.valueEnd,
        headers,
        0,
        headers.length,
      )
    } else {
      const value = asBytes(v)
      lane.append(partition, t, kb, ks, ke, value, 0, value.length, headers, 0, headers.length)
    }
  }

  #announce(side: Side, incident: Incident): void {
    const kind = `${side}:${incident.step}:${incident.reason}`
    if (this.#seen.has(kind)) return
    this.#seen.add(kind)
    this.#onFirst(incident)
  }

  #incident(node: number, error: unknown, attempt: number): Incident {
    const { input } = this.#task
    return {
      step: labelOf(this.#task.plan.graph.nodes[node]!),
      reason: reasonOf(error),
      error: messageOf(error),
      topic: input.topic,
      partition: input.partition,
      offset: input.cursor.offset,
      attempt,
    }
  }

  /** Throws `TaskStopped` when too many fail. */
  countFailure(incident: Incident): void {
    const { topic, offset } = incident
    const input = this.#task.inputs.find(each => each.topic === topic) ?? this.#task.input
    if (!this.#failureRate.exceeded(offset, offset - input.startOffset + 1)) return
    throw new TaskStopped(
      `Most of the last 100 records of ${input.topic}/${input.partition} failed, up to offset ${offset}. The last one at step ` +
        `"${incident.step}": ${incident.error}. Mend the pipeline, or raise its maxFailureRate if this is expected.`,
    )
  }
}

/** A record that left the loop to wait for its call. */
export interface LeftRecord {
  readonly value: unknown
  /** The value as it was read, for one that is the source's. */
  readonly bytes: Buffer | undefined
  /** Undefined for a record without one. */
  readonly key: Buffer | undefined
  readonly kind: KeyKind | 0
  readonly t: number
  /** Header section. */
  readonly headers: Uint8Array | null
  readonly topic: string
  readonly offset: number
}

const noKey = Buffer.alloc(0)

class Late extends Error {
  readonly reason: string
  constructor(byRelease: boolean) {
    super('The window of this record has closed')
    this.name = 'Late'
    this.reason = byRelease ? 'late-by-release' : 'late'
  }
}

/** The value of a record that failed behind a `map`: as JSON where it can be, else as text. */
function asBytes(value: unknown): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value)
  try {
    return Buffer.from(JSON.stringify(value) ?? String(value))
  } catch {
    return Buffer.from(String(value))
  }
}
