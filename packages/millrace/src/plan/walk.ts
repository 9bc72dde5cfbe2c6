import type { Edge, Graph, PlanNode } from './graph.ts'

/** A node that reads an edge. */
export interface Consumer {
  readonly edge: Edge
  readonly node: PlanNode
}

/** Who reads the outputs of each node, by the node's id, in the order written. */
export function consumersOf(graph: Graph): readonly (readonly Consumer[])[] {
  const consumers: Consumer[][] = graph.nodes.map(() => [])
  for (const node of graph.nodes) for (const edge of node.inputs) consumers[edge.from]!.push({ edge, node })
  return consumers
}

/** Records on this edge go through a topic before the next step sees them. */
export function crossesTopic(graph: Graph, edge: Edge): boolean {
  return edge.port === 'out' && graph.nodes[edge.from]!.kind === 'keyBy'
}

/** What errors and pictures call a node. */
export function labelOf(node: PlanNode): string {
  if (node.name !== undefined) return node.name
  if (node.kind === 'to') return `to(${node.topic.name})`
  return node.kind === 'source' ? node.topic.name : node.kind
}
