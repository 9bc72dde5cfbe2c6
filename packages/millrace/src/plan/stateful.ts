import {
  type AggregateNode,
  type AsyncMapNode,
  type HoldNode,
  hasGrid,
  type PlanNode,
  type ProcessNode,
  type StreamJoinNode,
  type TableJoinNode,
  type TableNode,
} from './graph.ts'

/** A step with a store of its own. */
export type StatefulNode =
  | AggregateNode
  | ProcessNode
  | TableNode
  | TableJoinNode
  | StreamJoinNode
  | HoldNode
  | AsyncMapNode

const stateful: ReadonlySet<PlanNode['kind']> = new Set([
  'aggregate',
  'process',
  'table',
  'tableJoin',
  'streamJoin',
  'hold',
  'asyncMap',
])

/** Whether a step keeps a store. */
export function keepsState(node: PlanNode): node is StatefulNode {
  return stateful.has(node.kind)
}

/** Whether a step needs a store, its own or that of another step: its records meet in one task, whatever topic they are from. */
export function usesStore(node: PlanNode): boolean {
  return keepsState(node) || (node.kind === 'lookup' && node.key === undefined)
}

/** Whether a step finds something by its records' keys, which have to be in the partition of their key. */
export function worksByKey(node: PlanNode): boolean {
  return usesStore(node) && node.kind !== 'asyncMap'
}

/** Whether a store closes from its earliest rows on, so that its changelog is trimmed at its beginning (SEMANTICS 2.6). */
export function isTrimmed(node: StatefulNode): boolean {
  if (node.kind === 'streamJoin' || node.kind === 'hold') return true
  return node.kind === 'aggregate' && node.window !== undefined && hasGrid(node.window)
}
