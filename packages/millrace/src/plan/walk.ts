import type { Edge, Graph, PlanNode, Port } from './graph.ts'

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

/** The edges on which a node is given records. */
export function recordInputs({ inputs }: PlanNode): readonly Edge[] {
  return inputs.filter(({ port }) => port !== 'rows')
}

/** Records on this edge go through a topic before the next step sees them. */
export function crossesTopic(graph: Graph, edge: Edge): boolean {
  return edge.port === 'out' && graph.nodes[edge.from]!.kind === 'keyBy'
}

/** Whether the values on an output of a node are other ones than it was given. */
export function makesValues({ kind }: PlanNode, port: Port): boolean {
  return port.startsWith('side:') || (port === 'out' && makers.has(kind))
}

const makers: ReadonlySet<PlanNode['kind']> = new Set([
  'map',
  'flatMap',
  'aggregate',
  'process',
  'emit',
  'table',
  'globalTable',
  'tableJoin',
  'lookup',
  'streamJoin',
  'hold',
  'asyncMap',
])

/** Whether a step's callback may take its time; then its failed calls are made again beside the records, not in front of them. */
export function makesCalls({ kind }: PlanNode): boolean {
  return kind === 'forEach' || kind === 'asyncMap'
}

/** Whether a callback that fails is called again before the next record. */
export function hasRetry(node: PlanNode): boolean {
  return !makesCalls(node) && 'retry' in node && node.retry !== undefined && node.retry.retries > 0
}

/** The step that keeps the rows of the table on an edge; the rows of an aggregate leave through an `emit`. */
export function tableOf(graph: Graph, { from }: Edge): PlanNode {
  const node = graph.nodes[from]!
  return node.kind === 'emit' ? graph.nodes[node.inputs[0]!.from]! : node
}

/** What errors and pictures call a node. */
export function labelOf(node: PlanNode): string {
  if (node.name !== undefined) return node.name
  if (node.kind === 'lookup') return 'join'
  if (node.kind === 'to') return `to(${node.topic.name})`
  return node.kind === 'source' ? node.topic.name : node.kind
}
