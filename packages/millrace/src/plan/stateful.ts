import type { AggregateNode, PlanNode } from './graph.ts'

/** A step with a store of its own: its records have to be in the partition of their key. */
export type StatefulNode = AggregateNode

/** Whether a step keeps a store. */
export function keepsState(node: PlanNode): node is StatefulNode {
  return node.kind === 'aggregate'
}
