import type { FieldOrFn, SourceNode } from '../../plan/graph.ts'
import type { Topic } from '../../plan/topic.ts'
import { KeyKind } from '../../serde/serde.ts'
import { fieldOf, recordView } from './callbacks.ts'
import type { EntryNode } from './layout.ts'
import type { ChannelItem, FlowRecord, RawRecord } from './types.ts'

/** A time below this was given in seconds (SEMANTICS 5.4). */
const smallestTimestamp = 1e11

/**
 * One source partition as a channel: its records, what is rejected or a tombstone, and its watermark
 * behind each record that raises it (SEMANTICS 3.1, 3.2).
 */
export function readPartition(
  node: SourceNode,
  partition: number,
  records: readonly RawRecord[],
  bounded: boolean,
  ends: readonly number[] = [],
): ChannelItem[] {
  const items: ChannelItem[] = []
  let watermark = Number.NEGATIVE_INFINITY
  let largest = Number.NEGATIVE_INFINITY
  const endRuns = (at: number) => {
    for (const end of ends) if (end === at) items.push({ kind: 'end' })
  }
  for (const [offset, raw] of records.entries()) {
    endRuns(offset)
    const item = readRecord(node, { topic: node.topic.name, partition, offset }, raw, watermark)
    items.push(item)
    if (!movesTime(node, item)) continue
    largest = Math.max(largest, item.record.timestamp)
    const said = (item.kind === 'record' && item.said) || Number.NEGATIVE_INFINITY
    const reached = node.watermark === undefined ? largest - node.outOfOrderMs : Math.min(largest, said)
    if (reached <= watermark) continue
    watermark = reached
    items.push({ kind: 'watermark', watermark })
  }
  endRuns(records.length)
  if (bounded) items.push({ kind: 'watermark', watermark: Number.POSITIVE_INFINITY })
  return items
}

/** A rejected record has no event time, nor has a null one whose event time would be a field of its value. */
export function movesTime(
  node: EntryNode,
  item: ChannelItem,
): item is Exclude<ChannelItem, { kind: 'watermark' | 'end' }> {
  if (item.kind === 'watermark' || item.kind === 'end' || (item.kind === 'side' && item.port === 'rejected'))
    return false
  return item.record.value !== null || node.kind === 'keyBy' || node.topic.timestamp === undefined
}

function readRecord(
  node: SourceNode,
  origin: FlowRecord['origin'] & {},
  raw: RawRecord,
  ownWatermark: number,
): ChannelItem {
  const { topic } = node
  const asRead: FlowRecord = {
    key: raw.key,
    value: raw.value,
    timestamp: raw.timestamp,
    headers: raw.headers ?? [],
    origin,
    lane: `${node.id}/${origin.partition}`,
    ownWatermark,
  }
  let keyed: FlowRecord
  let value: unknown
  try {
    keyed = withTypedKey(asRead, topic, raw.key)
    value = raw.value === null ? null : parse(topic, raw.value)
  } catch {
    return { kind: 'side', port: 'rejected', reason: 'malformed', record: asRead }
  }
  if (raw.value === null)
    return node.nulls
      ? { kind: 'record', record: keyed }
      : { kind: 'side', port: 'tombstones', reason: 'tombstone', record: keyed }
  const timestamp = eventTime({ ...keyed, value }, topic.timestamp)
  if (timestamp === undefined)
    return { kind: 'side', port: 'rejected', reason: 'timestamp', record: { ...keyed, value: raw.value } }
  const record = { ...keyed, value, timestamp }
  if (node.watermark === undefined) return { kind: 'record', record }
  const said = node.watermark(value, timestamp)
  if (said === undefined || said === null) return { kind: 'record', record }
  const ms = Number(said)
  if (!(ms >= smallestTimestamp))
    return { kind: 'side', port: 'rejected', reason: 'watermark', record: { ...keyed, value: raw.value } }
  return { kind: 'record', record, said: ms }
}

function withTypedKey(record: FlowRecord, { keySerde }: Topic, bytes: Uint8Array | null): FlowRecord {
  if (bytes === null) return { ...record, key: null }
  const key = keySerde.deserialize(bytes, 0, bytes.length)
  return keySerde.kind === KeyKind.serde ? { ...record, key, keySerde } : { ...record, key }
}

function parse(topic: Topic, bytes: Uint8Array): unknown {
  const plainJson = topic.value.format === 'json' && topic.value.json?.schema === undefined
  if (plainJson) return JSON.parse(Buffer.from(bytes).toString('utf8'))
  return topic.value.deserialize(bytes, 0, bytes.length)
}

/** The event time, or undefined for one that is refused. */
function eventTime(record: FlowRecord, timestamp: FieldOrFn | undefined): number | undefined {
  if (timestamp === undefined) return record.timestamp
  try {
    const time = fieldOf(timestamp, record.value, recordView(record))
    const ms = time instanceof Date ? time.getTime() : time
    return typeof ms === 'number' && ms >= smallestTimestamp ? ms : undefined
  } catch {
    return undefined
  }
}
