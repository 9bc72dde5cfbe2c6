import type { KeyByNode, ToTopicNode } from '../../plan/graph.ts'
import { Out } from '../../plan/out.ts'
import { KeyKind } from '../../serde/serde.ts'
import { bytesOfKey, keyReadBack, throughJson, withWindowStart } from './bytes.ts'
import { call, fieldOf, recordView, StepFailure } from './callbacks.ts'
import type { FlowRecord } from './types.ts'

/** A `map` result: a value, or an `out()` that sets more than that (5.7). */
export function withResult(record: FlowRecord, result: unknown): FlowRecord {
  if (result === undefined) throw new StepFailure('error', 'the callback gave undefined')
  if (!(result instanceof Out)) return { ...record, value: result }
  const { key, headers, timestamp } = result.options
  const time = timestamp instanceof Date ? timestamp.getTime() : (timestamp ?? record.timestamp)
  if (!(time >= 0)) throw new StepFailure('error', `the timestamp ${time} is not a time`)
  const ownKey = 'key' in result.options && key !== undefined
  return {
    ...record,
    ...(ownKey ? { key, keySerde: undefined, keyWindowStart: undefined } : {}),
    value: result.value,
    headers: headers === undefined ? record.headers : headerList(headers),
    timestamp: time,
  }
}

function headerList(headers: Readonly<Record<string, string | Uint8Array>>): FlowRecord['headers'] {
  return Object.entries(headers).map(([name, value]) => ({
    name,
    value: typeof value === 'string' ? Buffer.from(value, 'utf8') : value,
  }))
}

/** The record under its new key, as the repartition topic gives it back. */
export function reKeyed(node: KeyByNode, record: FlowRecord): FlowRecord {
  const key = fieldOf(node.key, record.value, recordView(record))
  if (key === null || key === undefined) throw new StepFailure('no-key', `${node.name} gave no key`)
  const value = record.value instanceof Uint8Array ? record.value : call(throughJson, record.value)
  return { ...record, key: call(keyReadBack, key), keySerde: undefined, keyWindowStart: undefined, value }
}

export function asWritten({ topic }: ToTopicNode, value: unknown): unknown {
  if (value === null) return null
  if (topic.value.format === 'json' && topic.value.json?.schema === undefined) return throughJson(value)
  const bytes = topic.value.serialize(value)
  return topic.value.deserialize(bytes, 0, bytes.length)
}

/** A key serde of the topic's own writes the key; otherwise its bytes are those of 5.1 (and 5.8 for windows). */
export function keyAsWritten({ topic }: ToTopicNode, record: FlowRecord): Uint8Array | null {
  if (record.key === null || record.key === undefined) return null
  const bytes =
    topic.keySerde.kind === KeyKind.serde ? topic.keySerde.serialize(record.key) : bytesOfRecordKey(record)
  return record.keyWindowStart === undefined ? bytes : withWindowStart(bytes, record.keyWindowStart)
}

/** The key bytes of a record under a key of its own; empty for a null key. */
export function bytesOfRecordKey({ key, keySerde }: FlowRecord): Uint8Array {
  if (key === null || key === undefined) return new Uint8Array()
  return keySerde === undefined ? bytesOfKey(key) : keySerde.serialize(key)
}
