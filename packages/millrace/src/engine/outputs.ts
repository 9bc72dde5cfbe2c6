import type { FieldOrFn, KeyByNode, ToTopicNode } from '../plan/graph.ts'
import type { Topic } from '../plan/topic.ts'
import { encodeHeaders } from '../record/headers.ts'
import { ObjectWriter } from '../serde/json/object-writer.ts'
import type { RowWriter } from '../serde/json/writer.ts'
import { encodeKey, type KeySerde } from '../serde/key.ts'
import { isPlainJson, KeyKind, type Serde } from '../serde/serde.ts'
import { KeyBuffer } from '../serde/sink.ts'
import type { Picker } from './decode.ts'
import { StepFailure } from './failures.ts'
import type { Lane } from './lane.ts'
import { PickedResults } from './picked-results.ts'
import type { RepartitionLane } from './repartition-lane.ts'
import type { TableStep } from './tables/table-step.ts'
import type { Task } from './task.ts'
import { serializeInto, writeBytes, writeInt64, writeWith } from './write-parts.ts'

/** Says that an update is not of a window, so that its key is written plain. */
export const notWindowed = Number.NaN

type ValueFn = (value: unknown) => unknown

/** What a task writes: one lane per sink and re-keying, and the side streams' lanes made when needed. */
export class Outputs {
  readonly #task: Task
  /** By node, as everything that a record looks up. */
  readonly #lanes: (Lane | undefined)[] = []
  readonly #repartitions: (RepartitionLane | undefined)[] = []
  readonly #sides: Lane[] = []
  readonly #value = new KeyBuffer(4096)
  readonly #keyFns: (ValueFn | undefined)[] = []
  readonly picked = new PickedResults()
  /** Where values are written as plain JSON. */
  readonly #objects: (ObjectWriter | undefined)[] = []

  constructor(task: Task) {
    this.#task = task
  }

  add(node: ToTopicNode | KeyByNode, lane: Lane | RepartitionLane): void {
    if ('lane' in lane) this.#repartitions[node.id] = lane
    this.#lanes[node.id] = 'lane' in lane ? lane.lane : lane
    if (node.kind === 'to' && node.topic.key !== undefined) this.#keyFns[node.id] = asFunction(node.topic.key)
    if (node.kind === 'keyBy' || isPlainJson(node.topic.value)) this.#objects[node.id] = new ObjectWriter()
  }

  /** Takes the lane of a side topic, so that a cut seals it too. */
  addSide(lane: Lane): void {
    this.#sides.push(lane)
  }

  lane(node: number): Lane {
    return this.#lanes[node]!
  }

  get hasRepartition(): boolean {
    return this.#repartitions.length > 0
  }

  /** Records are waiting that are not in a sealed batch. */
  get hasRecords(): boolean {
    return this.#lanes.some(lane => lane?.hasRecords) || this.#sides.some(lane => lane.hasRecords)
  }

  /** A re-keying's readers do not know yet how far the event time is. */
  get hasNews(): boolean {
    const task = this.#task
    return this.#repartitions.some((lane, node) =>
      lane?.hasNews(task.reached(node), task.isReleased(node), task.endOf(node)),
    )
  }

  sealAll(): void {
    for (const lane of this.#lanes) lane?.sealAll()
    for (const lane of this.#sides) lane.sealAll()
  }

  /** Writes the source record in work unchanged, as bytes. Failures go to the step's `.failed`. */
  copy(
    node: ToTopicNode,
    v: unknown,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Headers,
  ): void {
    const { cursor } = this.#task.input
    this.#route(
      node,
      v,
      true,
      kb,
      ks,
      ke,
      k,
      t,
      h,
      cursor.buffer,
      cursor.valueStart,
      cursor.valueEnd,
      notWindowed,
    )
  }

  /** Writes a value; `start` is the window's for the updates of windows, `notWindowed` otherwise. */
  write(
    node: ToTopicNode,
    v: unknown,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Headers,
    start: number,
  ): void {
    const value = this.#value
    if (v === null) return this.#route(node, v, false, kb, ks, ke, k, t, h, value.buffer, -1, -1, start)
    value.clear()
    try {
      if (!this.#objects[node.id]?.write(value, v)) serializeInto(node.topic.value, v, value)
    } catch (error) {
      this.#task.sides.failed(node.id, asFailure('serialize', error), false, v, kb, ks, ke, k, t, h)
      return
    }
    this.#route(node, v, false, kb, ks, ke, k, t, h, value.buffer, 0, value.position, start)
  }

  /** Writes a row of an aggregate, whose members are in `writer`, under its key's bytes. */
  writeRow(node: ToTopicNode, writer: RowWriter, kb: Buffer, ks: number, ke: number, t: number): void {
    const value = this.#value
    value.clear()
    try {
      writer.write(value, kb, ks, ke)
    } catch (error) {
      this.#task.sides.failed(
        node.id,
        asFailure('serialize', error),
        false,
        undefined,
        kb,
        ks,
        ke,
        undefined,
        t,
        null,
      )
      return
    }
    this.#route(
      node,
      undefined,
      false,
      kb,
      ks,
      ke,
      undefined,
      t,
      null,
      value.buffer,
      0,
      value.position,
      notWindowed,
    )
  }

  /**
   * Writes the result of a step that picks members of the source record in work, behind which there is nothing but a sink. False, having
   * written nothing, where the result has to be made. `result` is what the callback gave, where it computes members.
   */
  writePicked(
    picker: Picker,
    table: TableStep | undefined,
    place: number,
    kb: Buffer,
    ks: number,
    ke: number,
    t: number,
    result?: unknown,
  ): boolean {
    const { sink } = picker
    if (!this.#keepsKeyBytes(sink.topic, ks)) return false
    const { cursor } = this.#task.input
    const lane = this.lane(sink.id)
    const partition = lane.partitionOf(kb, ks, ke)
    const value = lane.beginInPlace(partition, t, kb, ks, ke)
    if (!this.picked.write(value, picker, cursor, table, place, result)) return false
    const headers = cursor.headerCount === 0 ? null : cursor.buffer
    return lane.endInPlace(partition, ke - ks, headers, cursor.headersStart, cursor.headersEnd)
  }

  #route(
    node: ToTopicNode,
    v: unknown,
    raw: boolean,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Headers,
    vb: Buffer,
    vs: number,
    ve: number,
    start: number,
  ): void {
    const { topic } = node
    const lane = this.lane(node.id)
    try {
      const keyFn = this.#keyFns[node.id]
      const key = keyFn !== undefined && v !== null ? keyFn(v) : k
      if (key === undefined && !Number.isFinite(start) && this.#keepsKeyBytes(topic, ks)) {
        this.#append(lane, lane.partitionOf(kb, ks, ke), t, kb, ks, ke, h, vb, vs, ve)
      } else {
        const into = this.#task.keyBuffer
        const bytes = this.#writeKey(topic.keySerde, key, kb, ks, ke)
        // A window's start is no part of what is hashed, so that all windows of a key lie in one partition.
        const partition = lane.partitionOf(into.buffer, bytes < 0 ? -1 : 0, bytes)
        if (bytes >= 0 && Number.isFinite(start)) writeInt64(into, start)
        this.#append(
          lane,
          partition,
          t,
          into.buffer,
          bytes < 0 ? -1 : 0,
          bytes < 0 ? -1 : into.position,
          h,
          vb,
          vs,
          ve,
        )
      }
    } catch (error) {
      this.#task.sides.failed(node.id, error, raw, v, kb, ks, ke, k, t, h)
    }
  }

  /** Key bytes pass on as they are unless one side writes keys by a serde of its own. */
  #keepsKeyBytes(topic: Topic, ks: number): boolean {
    return ks < 0 || (topic.keySerde.kind !== KeyKind.serde && this.#task.keyKindInWork !== KeyKind.serde)
  }

  /** Writes the key into the task's key buffer and gives its length, -1 for no key. */
  #writeKey(serde: KeySerde<unknown>, key: unknown, kb: Buffer, ks: number, ke: number): number {
    const task = this.#task
    const into = task.keyBuffer
    into.clear()
    if (key === undefined) {
      if (ks < 0) return -1
      if (serde.kind === KeyKind.serde || task.keyKindInWork === KeyKind.serde) {
        writeWith(serde, task.readKey(task.keyKindInWork, kb, ks, ke), into)
      } else {
        writeBytes(into, kb, ks, ke)
      }
    } else if (key === null) return -1
    else writeWith(serde, key, into)
    return into.position
  }

  #append(
    lane: Lane,
    partition: number,
    t: number,
    kb: Buffer,
    ks: number,
    ke: number,
    h: Headers,
    vb: Buffer,
    vs: number,
    ve: number,
  ): void {
    if (h !== undefined) {
      lane.append(partition, t, kb, ks, ke, vb, vs, ve, h, 0, h === null ? 0 : h.length)
      return
    }
    const { cursor } = this.#task.input
    const headers = cursor.headerCount === 0 ? null : cursor.buffer
    lane.append(partition, t, kb, ks, ke, vb, vs, ve, headers, cursor.headersStart, cursor.headersEnd)
  }

  /**
   * Sends a record to its new key's partition (SEMANTICS 1.5, 3.3): as the source's bytes when `raw`, else
   * written with `serde`.
   */
  reKey(
    node: KeyByNode,
    key: unknown,
    serde: Serde<unknown>,
    raw: boolean,
    v: unknown,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Headers,
  ): void {
    const task = this.#task
    const repartition = this.#repartitions[node.id]!
    try {
      const into = task.keyBuffer
      into.clear()
      const kind = encodeKey(key, into)
      repartition.keyKind = kind
      const partition = repartition.lane.partitionOf(into.buffer, 0, into.position)
      const value = this.#value
      const { cursor } = task.input
      let vb = cursor.buffer
      let vs = cursor.valueStart
      let ve = cursor.valueEnd
      if (!raw) {
        value.clear()
        const objects = isPlainJson(serde) ? this.#objects[node.id] : undefined
        if (v !== null && !objects?.write(value, v)) serializeInto(serde, v, value)
        vb = value.buffer
        vs = v === null ? -1 : 0
        ve = v === null ? -1 : value.position
      }
      const own = h === undefined && cursor.headerCount > 0
      repartition.append(
        task.reached(node.id),
        task.ownReached(node.id),
        task.isReleased(node.id),
        partition,
        t,
        into.buffer,
        0,
        into.position,
        vb,
        vs,
        ve,
        own ? cursor.buffer : (h ?? null),
        own ? cursor.headersStart : 0,
        own ? cursor.headersEnd : (h?.length ?? 0),
      )
    } catch (error) {
      task.sides.failed(node.id, error, raw, v, kb, ks, ke, k, t, h)
    }
  }

  /** At a commit: what every re-keying has to say of the event time. */
  markAll(): void {
    const task = this.#task
    for (const [node, lane] of this.#repartitions.entries())
      lane?.markAll(task.reached(node), task.isReleased(node), task.endOf(node))
  }

  /** The task has come back from the end: that something may come again goes before what comes. */
  comeBack(): void {
    for (const lane of this.#repartitions) lane?.forgetMarkers()
  }
}

type Headers = Uint8Array | null | undefined

function asFunction(field: FieldOrFn): ValueFn {
  return typeof field === 'function' ? (field as ValueFn) : value => (value as Record<string, unknown>)[field]
}

/** The header section of `out(…, { headers })`. */
export function headerSection(headers: Readonly<Record<string, string | Uint8Array>>): Uint8Array {
  return encodeHeaders(
    Object.entries(headers).map(([key, value]) => ({
      key,
      value: typeof value === 'string' ? Buffer.from(value) : value,
    })),
  )
}

function asFailure(reason: string, error: unknown): unknown {
  return error instanceof Error && 'reason' in error
    ? error
    : new StepFailure(reason, error instanceof Error ? error.message : String(error))
}
