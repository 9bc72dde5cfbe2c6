import type { AggregateNode } from '../../plan/graph.ts'
import type { SessionWindow } from '../../window/session.ts'
import type { SlidingWindow } from '../../window/sliding.ts'
import { hasGrid } from '../../window/window.ts'
import { emptyColumns, type Slot, withRecords } from './aggregate.ts'
import type { FlowRecord } from './types.ts'

/** The sessions that the records of one key make, by their starts: what lies at most a gap apart hangs together, up to a length. */
export function sessionsOf(
  node: AggregateNode,
  { gapMs, maxLengthMs = Number.POSITIVE_INFINITY }: SessionWindow,
  records: readonly FlowRecord[],
): Map<number, Slot> {
  const sessions = new Map<number, Slot>()
  let parts: FlowRecord[] = []
  const inOrder = records.toSorted((a, b) => a.timestamp - b.timestamp)
  for (const [i, record] of inOrder.entries()) {
    parts.push(record)
    const next = inOrder[i + 1]
    const isNear = next !== undefined && next.timestamp - record.timestamp <= gapMs
    if (isNear && next.timestamp - parts[0]!.timestamp <= maxLengthMs) continue
    sessions.set(parts[0]!.timestamp, slotOf(node, parts))
    parts = []
  }
  return sessions
}

/** The windows that end with a record, or begin behind one and are not empty, by their starts. */
export function slidingOf(
  node: AggregateNode,
  { sizeMs }: SlidingWindow,
  records: readonly FlowRecord[],
): Map<number, Slot> {
  const inOrder = records.toSorted((a, b) => a.timestamp - b.timestamp)
  const starts = new Set(inOrder.flatMap(({ timestamp }) => [timestamp - sizeMs, timestamp + 1]))
  const windows = new Map<number, Slot>()
  for (const start of [...starts].sort((a, b) => a - b)) {
    const end = start + sizeMs
    const parts = inOrder.filter(({ timestamp }) => timestamp >= start && timestamp <= end)
    if (parts.length > 0) windows.set(start, { ...slotOf(node, parts), window: { start, end } })
  }
  return windows
}

/** What records make together. */
export function slotOf(node: AggregateNode, parts: readonly FlowRecord[]): Slot {
  const [first, last] = [parts[0]!, parts.at(-1)!]
  return {
    record: first,
    window: { start: first.timestamp, end: last.timestamp },
    columns: withRecords(node, emptyColumns(node), parts),
    timestamp: last.timestamp,
    records: parts.length,
  }
}

/** The watermark, as it reaches the step, at which a window goes out. The end of one on a grid is exclusive; a session goes out once no record can join it. */
export function closesAt({ window }: AggregateNode, { window: frame }: Slot): number {
  if (window!.kind === 'count') return Number.POSITIVE_INFINITY
  if (hasGrid(window!)) return frame!.end + window!.graceMs
  if (window!.kind === 'sliding') return frame!.end + window!.graceMs + 1
  const { gapMs, graceMs, maxLengthMs = Number.POSITIVE_INFINITY } = window!
  return Math.min(frame!.end + gapMs, frame!.start + maxLengthMs) + graceMs + 1
}
