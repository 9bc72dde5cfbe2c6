import type { Graph, KeyByNode, PlanNode, SourceNode } from '../../plan/graph.ts'

/** A node through which records enter a sub-topology. */
export type EntryNode = SourceNode | KeyByNode

/** Where one task reads: partition `partition` of each entry. */
export interface TaskPlace {
  readonly id: string
  readonly partition: number
  readonly entries: readonly EntryNode[]
}

/** What lies between topics (SEMANTICS 1.1), and its tasks. */
export interface SubTopology {
  /** In graph order: a node's inputs come before it. */
  readonly nodes: readonly PlanNode[]
  readonly entries: readonly EntryNode[]
  readonly tasks: readonly TaskPlace[]
}

export interface Layout {
  /** Upstream first. */
  readonly subTopologies: readonly SubTopology[]
  readonly partitionsOf: (entry: EntryNode) => number
  /** The entries of its own sub-topology that a node's records come from. */
  readonly entriesOf: (node: PlanNode) => ReadonlySet<EntryNode>
}

/** Cuts a graph at its re-keyings. A keyBy ends one sub-topology, its output begins the next. */
export function layoutOf(graph: Graph, sourcePartitions: (topic: string) => number): Layout {
  const groups = connectedGroups(graph)
  const partitions = new Map<EntryNode, number>()
  const reached = new Map<PlanNode, ReadonlySet<EntryNode>>()
  const partitionsOf = (entry: EntryNode) => partitions.get(entry)!
  const layoutGroup = (nodes: readonly PlanNode[]): SubTopology => {
    const entries = entriesOfGroup(graph, nodes)
    for (const entry of entries)
      if (entry.kind === 'source') partitions.set(entry, sourcePartitions(entry.topic.name))
    const largest = Math.max(...entries.map(partitionsOf))
    for (const node of nodes) {
      reached.set(node, new Set(entries.filter(entry => isReachedFrom(graph, node, entry))))
      if (node.kind === 'keyBy') partitions.set(node, node.partitions ?? largest)
    }
    return { nodes, entries, tasks: tasksOf(nodes, entries, partitionsOf) }
  }
  const subTopologies = upstreamFirst(graph, groups).map(layoutGroup)
  return { subTopologies, partitionsOf, entriesOf: node => reached.get(node)! }
}

/** Stateful: one task per partition number, over all entries (1.2). Stateless: one per entry and partition (5.9). */
function tasksOf(
  nodes: readonly PlanNode[],
  entries: readonly EntryNode[],
  partitionsOf: (entry: EntryNode) => number,
): TaskPlace[] {
  const stateful = nodes.some(node => node.kind === 'aggregate')
  const inputs = stateful ? [entries] : entries.map(entry => [entry])
  return inputs.flatMap(taskEntries => {
    const count = Math.max(...taskEntries.map(partitionsOf))
    return Array.from({ length: count }, (_, partition) => ({
      id: `${taskEntries.map(entry => entry.id).join('+')}/${partition}`,
      partition,
      entries: taskEntries.filter(entry => partition < partitionsOf(entry)),
    }))
  })
}

/** Sets of nodes that are joined by edges other than those behind a keyBy. */
function connectedGroups(graph: Graph): PlanNode[][] {
  const groupOf = graph.nodes.map(node => node.id)
  const join = (a: number, b: number) => {
    const [from, to] = [groupOf[a]!, groupOf[b]!]
    groupOf.forEach((group, id) => {
      if (group === from) groupOf[id] = to
    })
  }
  const consumersOfKeyBy = new Map<number, number>()
  for (const node of graph.nodes)
    for (const { from, port } of node.inputs) {
      if (!(graph.nodes[from]!.kind === 'keyBy' && port === 'out')) join(from, node.id)
      else if (consumersOfKeyBy.has(from)) join(consumersOfKeyBy.get(from)!, node.id)
      else consumersOfKeyBy.set(from, node.id)
    }
  return [...new Set(groupOf)].map(group => graph.nodes.filter(node => groupOf[node.id] === group))
}

function entriesOfGroup(graph: Graph, nodes: readonly PlanNode[]): EntryNode[] {
  const entries = new Set<EntryNode>()
  for (const node of nodes) {
    if (node.kind === 'source') entries.add(node)
    for (const { from, port } of node.inputs) {
      const input = graph.nodes[from]!
      if (input.kind === 'keyBy' && port === 'out') entries.add(input)
    }
  }
  return [...entries].sort((a, b) => a.id - b.id)
}

function isReachedFrom(graph: Graph, node: PlanNode, entry: EntryNode): boolean {
  if (node === entry) return node.kind === 'source'
  return node.inputs.some(({ from, port }) => {
    const input = graph.nodes[from]!
    if (input.kind === 'keyBy' && port === 'out') return input === entry
    return isReachedFrom(graph, input, entry)
  })
}

function upstreamFirst(graph: Graph, groups: readonly PlanNode[][]): PlanNode[][] {
  const done = new Set<PlanNode>()
  const sorted: PlanNode[][] = []
  while (sorted.length < groups.length) {
    const ready = groups.find(
      group =>
        !sorted.includes(group) &&
        entriesOfGroup(graph, group).every(entry => entry.kind === 'source' || done.has(entry)),
    )
    if (ready === undefined) throw new Error(`pipeline ${graph.name}: its re-keyings form a cycle`)
    sorted.push(ready)
    for (const node of ready) done.add(node)
  }
  return sorted
}
