import type { AggregateNode } from '../../plan/graph.ts'
import type { SessionWindow } from '../../window/session.ts'
import { emptyColumns, type Slot, withRecord } from './aggregate.ts'
import { recordView } from './callbacks.ts'
import type { FlowRecord } from './types.ts'

/** The sessions that the records of one key make, by their starts: what lies at most a gap apart hangs together. */
export function sessionsOf(
  node: AggregateNode,
  { gapMs }: SessionWindow,
  records: readonly FlowRecord[],
): Map<number, Slot> {
  const sessions = new Map<number, Slot>()
  let parts: FlowRecord[] = []
  const inOrder = records.toSorted((a, b) => a.timestamp - b.timestamp)
  for (const [i, record] of inOrder.entries()) {
    parts.push(record)
    const next = inOrder[i + 1]
    if (next !== undefined && next.timestamp - record.timestamp <= gapMs) continue
    sessions.set(parts[0]!.timestamp, slotOf(node, parts))
    parts = []
  }
  return sessions
}

function slotOf(node: AggregateNode, parts: readonly FlowRecord[]): Slot {
  const [first, last] = [parts[0]!, parts.at(-1)!]
  const add = (columns: Slot['columns'], record: FlowRecord) =>
    withRecord(node, columns, record.value, recordView(record))
  return {
    record: first,
    window: { start: first.timestamp, end: last.timestamp },
    columns: parts.reduce(add, emptyColumns(node)),
    timestamp: last.timestamp,
  }
}
