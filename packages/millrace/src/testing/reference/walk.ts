import type { AggregateNode, EmitNode, Graph, PlanNode, Port } from '../../plan/graph.ts'

/** The nodes that read a port of a node, each with the number of its input. */
export function consumersOf(graph: Graph, from: PlanNode, port: Port): [PlanNode, number][] {
  return graph.nodes.flatMap(node =>
    node.inputs.flatMap((edge, i): [PlanNode, number][] =>
      edge.from === from.id && edge.port === port && node.kind !== 'emit' ? [[node, i]] : [],
    ),
  )
}

export function emitsOf(graph: Graph, aggregate: AggregateNode): EmitNode[] {
  return graph.nodes
    .filter(node => node.kind === 'emit')
    .filter(node => node.inputs[0]!.from === aggregate.id)
}

/** How far the watermark behind a node lies below the one before it: rows of `final` wait for the grace and the lateness, those of sessions for the gap too, those of a join for its longest wait. */
export function heldBackMs(graph: Graph, node: PlanNode): number {
  if (node.kind === 'process') return node.holdBackMs
  if (node.kind === 'streamJoin') return Math.max(node.beforeMs, node.afterMs) + 1 + node.graceMs
  if (node.kind !== 'emit' || node.emission.kind !== 'final') return 0
  const window = (graph.nodes[node.inputs[0]!.from] as AggregateNode).window!
  if (window.kind === 'count') return 0
  const gapMs = window.kind === 'session' ? window.gapMs : 0
  return window.graceMs + gapMs + (node.emission.allowedLatenessMs ?? 0)
}

/** How long after its grace the rows of a window may come again. */
export function allowedLatenessMs(graph: Graph, aggregate: AggregateNode): number {
  const each = emitsOf(graph, aggregate).map(({ emission }) =>
    emission.kind === 'final' ? (emission.allowedLatenessMs ?? 0) : 0,
  )
  return Math.max(0, ...each)
}

/** The same, summed over the longest path from the task's channels to a node. */
export function heldBackBeforeMs(graph: Graph, node: PlanNode): number {
  return Math.max(
    0,
    ...node.inputs.map(({ from, port }) => {
      const input = graph.nodes[from]!
      if (input.kind === 'keyBy' && port === 'out') return 0
      return heldBackBeforeMs(graph, input) + heldBackMs(graph, input)
    }),
  )
}

export function smallestOf(watermarks: readonly (number | undefined)[]): number | undefined {
  const known = watermarks.filter(watermark => watermark !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}
