import type { AggregateNode, PlanNode, TableJoinNode, TableNode } from './graph.ts'

/** A step with a store of its own: its records have to be in the partition of their key. */
export type StatefulNode = AggregateNode | TableNode | TableJoinNode

/** Whether a step keeps a store. */
export function keepsState(node: PlanNode): node is StatefulNode {
  return node.kind === 'aggregate' || node.kind === 'table' || node.kind === 'tableJoin'
}

/** Whether a step finds something by its records' keys: in its own store, or in that of another step. */
export function worksByKey(node: PlanNode): boolean {
  return keepsState(node) || node.kind === 'lookup'
}

/** Whether a store closes from its earliest rows on, so that its changelog is trimmed at its beginning (SEMANTICS 2.6). */
export function isTrimmed(node: StatefulNode): boolean {
  return node.kind === 'aggregate' && node.window !== undefined && node.window.kind !== 'session'
}
