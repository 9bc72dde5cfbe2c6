import type { AsyncMapNode } from '../../plan/graph.ts'
import { serdeAt } from '../../plan/serde-at.ts'
import { encodeKey } from '../../serde/key.ts'
import type { KeyKind } from '../../serde/serde.ts'
import type { ObjectCodec, StoreDefinition } from '../../state/row-codec.ts'
import { storedValue } from '../../state/stored-value.ts'
import { StepFailure } from '../failures.ts'
import type { LeftRecord } from '../side-streams.ts'
import type { Task } from '../task.ts'
import { watermarkInWork } from './watermarks.ts'

/** A record whose call is under way, with all that its result needs of it. */
export interface CallRecord extends LeftRecord {
  /** The event time that had reached the step when the record came: nothing behind the step goes beyond it. */
  readonly reached: number
  /** The watermark that the record is judged by behind a re-keying (SEMANTICS 3.3), before anything is held back. */
  readonly own: number
}

/** What base64 and JSON make of it must fit a record of the changelog. */
const bytesMax = 700_000

/** Takes the record in work out of the loop; the arguments are those of `Arrival`. Throws what sends it to `.failed`. */
export function callRecordOf(
  task: Task,
  node: AsyncMapNode,
  raw: boolean,
  value: unknown,
  kb: Buffer,
  ks: number,
  ke: number,
  k: unknown,
  t: number,
  h: Uint8Array | null | undefined,
): CallRecord {
  const { input } = task
  const { cursor } = input
  const { buffer, valueStart, valueEnd, headersStart, headersEnd } = cursor
  const bytes =
    raw && valueStart >= 0 && canReadAgain(task, node)
      ? Buffer.from(buffer.subarray(valueStart, valueEnd))
      : undefined
  const headers = h === undefined ? new Uint8Array(buffer.subarray(headersStart, headersEnd)) : h
  const { key, kind } = keyOf(task, kb, ks, ke, k)
  const size = (bytes?.length ?? 0) + (headers?.length ?? 0) + (key?.length ?? 0)
  if (size > bytesMax)
    throw new StepFailure(
      'too-large',
      `The record takes ${size} bytes, and "${node.name}" keeps at most ${bytesMax} of one while its call is under way`,
    )
  return { value, bytes, key, kind, t, headers, ...placeOf(task), ...watermarkInWork(task, node.id) }
}

/** A record behind another `asyncMap`, or a row, says where it is from no better than the loop does. */
function placeOf({ input }: Task): Pick<CallRecord, 'topic' | 'offset'> {
  return { topic: input.topic, offset: input.cursor.offset }
}

/** Bytes whose schema would have to be fetched first are of no use after a restart. */
function canReadAgain(task: Task, node: AsyncMapNode): boolean {
  const serde = serdeAt(task.plan.graph, node.inputs[0]!)?.serde
  return serde !== undefined && serde.preparation === undefined
}

function keyOf(
  task: Task,
  kb: Buffer,
  ks: number,
  ke: number,
  k: unknown,
): { key: Buffer | undefined; kind: KeyKind | 0 } {
  if (k === null || (k === undefined && ks < 0)) return { key: undefined, kind: 0 }
  if (k === undefined) return { key: Buffer.from(kb.subarray(ks, ke)), kind: task.keyKindInWork }
  const into = task.keyBuffer
  into.clear()
  const kind = encodeKey(k, into)
  return { key: Buffer.from(into.buffer.subarray(0, into.position)), kind }
}

/** What the store of an `asyncMap` is made of: one row per call under way, in the order of their records. */
export function callsDefinition(step: string, keySerde: string, nextSeed: () => number): StoreDefinition {
  return {
    layout: {
      step,
      kind: 'table',
      columns: [{ name: 'call', aggregator: 'call', doubles: 0, objects: 1, version: 1 }],
      keySerde,
      version: 1,
    },
    initial: [],
    objects: [callRecords as ObjectCodec],
    nextSeed,
  }
}

type Stored = readonly [
  value: readonly ['bytes', string] | readonly ['value', unknown],
  kind: number | null,
  t: number,
  headers: string | null,
  topic: string,
  offset: number,
  reached: number | string,
  own: number | string,
]

const callRecords: ObjectCodec<CallRecord | null> = {
  initial: () => null,
  encode: record => {
    const { value, bytes, key, kind, t, headers, topic, offset, reached, own } = record!
    const stored: Stored = [
      bytes === undefined ? ['value', storedValue.encode(value)] : ['bytes', bytes.toString('base64')],
      key === undefined ? null : kind,
      t,
      headers === null ? null : Buffer.from(headers).toString('base64'),
      topic,
      offset,
      finite(reached),
      finite(own),
    ]
    return stored
  },
  decode: (stored, version) => {
    const [[form, content], kind, t, headers, topic, offset, reached, own] = stored as Stored
    return {
      value: form === 'bytes' ? undefined : storedValue.decode(content, version),
      bytes: form === 'bytes' ? Buffer.from(content as string, 'base64') : undefined,
      // The row's key has it.
      key: kind === null ? undefined : Buffer.alloc(0),
      kind: (kind ?? 0) as KeyKind | 0,
      t,
      headers: headers === null ? null : Buffer.from(headers, 'base64'),
      topic,
      offset,
      reached: Number(reached),
      own: Number(own),
    }
  },
}

/** JSON has no infinity. */
function finite(time: number): number | string {
  return Number.isFinite(time) ? time : String(time)
}
