import type { Graph } from '../plan/graph.ts'
import { keepsState, type StatefulNode } from '../plan/stateful.ts'

/** How many steps with a store lie in front of one in its task: at one time, upstream goes first. */
export function depthOf(graph: Graph, node: StatefulNode): number {
  const depths: number[] = []
  for (const each of graph.nodes) {
    const before = each.inputs.map(edge => {
      const from = graph.nodes[edge.from]!
      return from.kind === 'keyBy' ? 0 : depths[from.id]! + (keepsState(from) ? 1 : 0)
    })
    depths[each.id] = Math.max(0, ...before)
  }
  return depths[node.id]!
}
