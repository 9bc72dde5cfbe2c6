import type { Graph } from '../plan/graph.ts'
import type { Topic } from '../plan/topic.ts'

/**
 * The sources of the pipelines in groups: first those that no pipeline writes, then those whose writers read
 * earlier groups alone. Topics that wait for one another come together, last.
 */
export function inputsInOrder(graphs: readonly Graph[]): Topic[][] {
  const waiting = new Map<string, Topic>()
  for (const graph of graphs) for (const topic of topicsOf(graph, 'source')) waiting.set(topic.name, topic)
  const groups: Topic[][] = []
  while (waiting.size > 0) {
    const isOpen = (graph: Graph) => topicsOf(graph, 'source').some(({ name }) => waiting.has(name))
    const open = new Set(
      graphs.filter(isOpen).flatMap(graph => topicsOf(graph, 'to').map(({ name }) => name)),
    )
    const ready = [...waiting.values()].filter(({ name }) => !open.has(name))
    const group = ready.length > 0 ? ready : [...waiting.values()]
    groups.push(group)
    for (const { name } of group) waiting.delete(name)
  }
  return groups
}

function topicsOf(graph: Graph, kind: 'source' | 'to'): Topic[] {
  return graph.nodes.flatMap(node => (node.kind === kind ? [node.topic] : []))
}
