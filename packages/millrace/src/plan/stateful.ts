import {
  type AggregateNode,
  type HoldNode,
  hasGrid,
  type PlanNode,
  type ProcessNode,
  type StreamJoinNode,
  type TableJoinNode,
  type TableNode,
} from './graph.ts'

/** A step with a store of its own: its records have to be in the partition of their key. */
export type StatefulNode = AggregateNode | ProcessNode | TableNode | TableJoinNode | StreamJoinNode | HoldNode

const stateful: ReadonlySet<PlanNode['kind']> = new Set([
  'aggregate',
  'process',
  'table',
  'tableJoin',
  'streamJoin',
  'hold',
])

/** Whether a step keeps a store. */
export function keepsState(node: PlanNode): node is StatefulNode {
  return stateful.has(node.kind)
}

/** Whether a step finds something by its records' keys: in its own store, or in that of another step. */
export function worksByKey(node: PlanNode): boolean {
  return keepsState(node) || (node.kind === 'lookup' && node.key === undefined)
}

/** Whether a store closes from its earliest rows on, so that its changelog is trimmed at its beginning (SEMANTICS 2.6). */
export function isTrimmed(node: StatefulNode): boolean {
  if (node.kind === 'streamJoin' || node.kind === 'hold') return true
  return node.kind === 'aggregate' && node.window !== undefined && hasGrid(node.window)
}
