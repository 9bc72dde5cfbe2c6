import type { Graph, KeyByNode, PlanNode, SourceNode } from '../../plan/graph.ts'

/** A node through which records enter a sub-topology. */
export type EntryNode = SourceNode | KeyByNode

/** One task: partition `partition` of each entry. */
export interface TaskPlace {
  readonly id: string
  readonly partition: number
  readonly entries: readonly EntryNode[]
}

/** What lies between topics (SEMANTICS 1.1), and its tasks. */
export interface SubTopology {
  /** In graph order: a node's inputs come before it. A stateless node may stand in several sub-topologies (5.9). */
  readonly nodes: readonly PlanNode[]
  readonly tasks: readonly TaskPlace[]
}

export interface Layout {
  /** Upstream first. */
  readonly subTopologies: readonly SubTopology[]
  readonly partitionsOf: (entry: EntryNode) => number
  /** The tasks that a node's records come through, each with those of its entries that lead there. */
  readonly tasksAt: (node: PlanNode) => readonly TaskPlace[]
}

/**
 * Cuts a graph at its re-keyings: a keyBy ends one sub-topology and its output enters the next. Entries
 * whose records meet in one store share their tasks; all others have tasks of their own.
 */
export function layoutOf(graph: Graph, sourcePartitions: (topic: string) => number): Layout {
  const entriesOf = (node: PlanNode) => allEntries(graph).filter(entry => isReachedFrom(graph, node, entry))
  const partitionsOf = (entry: EntryNode): number =>
    entry.kind === 'source'
      ? sourcePartitions(entry.topic.name)
      : (entry.partitions ?? Math.max(...entriesOf(entry).map(partitionsOf)))
  const groups = upstreamFirst(graph, entriesThatMeet(graph, entriesOf))
  const subTopologies = groups.map(entries => ({
    nodes: nodesBehind(graph, entries),
    tasks: tasksOf(entries, partitionsOf),
  }))
  const tasksAt = (node: PlanNode) => {
    const leading = entriesOf(node)
    const tasks = subTopologies.flatMap(subTopology => subTopology.tasks)
    return tasks
      .map(task => ({ ...task, entries: task.entries.filter(entry => leading.includes(entry)) }))
      .filter(task => task.entries.length > 0)
  }
  return { subTopologies, partitionsOf, tasksAt }
}

function tasksOf(entries: readonly EntryNode[], partitionsOf: (entry: EntryNode) => number): TaskPlace[] {
  const count = Math.max(...entries.map(partitionsOf))
  return Array.from({ length: count }, (_, partition) => ({
    id: `${entries.map(entry => entry.id).join('+')}/${partition}`,
    partition,
    entries: entries.filter(entry => partition < partitionsOf(entry)),
  }))
}

/** Sources, and the keyBys that somebody reads. */
function allEntries(graph: Graph): EntryNode[] {
  const isRead = (node: PlanNode) =>
    graph.nodes.some(({ inputs }) => inputs.some(({ from, port }) => from === node.id && port === 'out'))
  return graph.nodes.filter(
    node => node.kind === 'source' || (node.kind === 'keyBy' && isRead(node)),
  ) as EntryNode[]
}

/** Steps whose records meet in one store. */
const keepers: ReadonlySet<PlanNode['kind']> = new Set([
  'aggregate',
  'process',
  'streamJoin',
  'table',
  'tableJoin',
  'lookup',
  'asyncMap',
])

function entriesThatMeet(graph: Graph, entriesOf: (node: PlanNode) => EntryNode[]): EntryNode[][] {
  let groups = allEntries(graph).map(entry => [entry])
  for (const node of graph.nodes) {
    if (!keepers.has(node.kind)) continue
    const meeting = entriesOf(node)
    const isMeeting = (group: readonly EntryNode[]) => group.some(entry => meeting.includes(entry))
    groups = [...groups.filter(group => !isMeeting(group)), groups.filter(isMeeting).flat()]
  }
  return groups
}

function nodesBehind(graph: Graph, entries: readonly EntryNode[]): PlanNode[] {
  return graph.nodes.filter(node => entries.some(entry => isReachedFrom(graph, node, entry)))
}

function isReachedFrom(graph: Graph, node: PlanNode, entry: EntryNode): boolean {
  if (node.kind === 'source') return node === entry
  return node.inputs.some(({ from, port }) => {
    const input = graph.nodes[from]!
    if (input.kind === 'keyBy' && port === 'out') return input === entry
    return isReachedFrom(graph, input, entry)
  })
}

/** A group comes behind all groups that write what it reads. */
function upstreamFirst(graph: Graph, groups: readonly EntryNode[][]): EntryNode[][] {
  const sorted: EntryNode[][] = []
  const waiting = new Set(groups)
  while (waiting.size > 0) {
    const isWritten = (entry: EntryNode) =>
      entry.kind === 'keyBy' && [...waiting].some(group => nodesBehind(graph, group).includes(entry))
    const ready = [...waiting].find(group => !group.some(isWritten))
    if (ready === undefined) throw new Error(`pipeline ${graph.name}: its re-keyings form a cycle`)
    sorted.push(ready)
    waiting.delete(ready)
  }
  return sorted
}
