import type { AggregateNode } from '../../plan/graph.ts'
import { resultOf, type Slot } from './aggregate.ts'
import type { FlowRecord } from './types.ts'

/** A row with its key and window where there is one; a windowed result that is no object is in `value` (5.8). */
export function resultRecord(node: AggregateNode, slot: Slot, ownWatermark: number): FlowRecord {
  const result = resultOf(node, slot.columns)
  const { key, keySerde } = slot.record
  const columns = isPlainObject(result) ? result : { value: result }
  const value = slot.window === undefined ? result : { ...columns, key, ...slot.window }
  return { key, keySerde, value, timestamp: slot.timestamp, headers: [], ownWatermark }
}

function isPlainObject(value: unknown): value is object {
  const exotic = Array.isArray(value) || value instanceof Uint8Array || value instanceof Date
  return typeof value === 'object' && value !== null && !exotic
}
