import { KeyKind } from '../serde/serde.ts'
import type { Graph, KeyByNode } from './graph.ts'
import { PlanError } from './plan-error.ts'
import { usesStore } from './stateful.ts'
import { inputName, type SubTopology, type SubTopologyInput, subTopologies } from './sub-topology.ts'

/** How many partitions a topic has; undefined where that is not known yet. */
export type PartitionCount = (topic: string) => number | undefined

/**
 * Throws unless all inputs that meet in a store have equal partition counts and write equal keys as equal
 * bytes (SEMANTICS 5.9). A keyBy without a count of its own takes that of the others.
 */
export function checkCoPartitioning(graph: Graph, countOf: PartitionCount): void {
  for (const sub of subTopologies(graph)) {
    if (sub.inputs.length < 2) continue
    checkCounts(graph, sub, countOf)
    checkKeys(graph, sub)
  }
}

/**
 * The partition count of each keyBy's topic, by the keyBy's name, for its first start (SEMANTICS 1.5): its own, else
 * that of what it meets in a store, else the largest of the inputs that write it.
 */
export function repartitionCounts(graph: Graph, countOf: PartitionCount): ReadonlyMap<string, number> {
  const subs = subTopologies(graph)
  const counts = new Map<string, number>()
  const countOfInput = (input: SubTopologyInput) =>
    fixedCount(input, countOf) ?? (input.kind === 'repartition' ? counts.get(input.keyBy.name) : undefined)
  for (const node of graph.nodes) {
    if (node.kind !== 'keyBy' || counts.has(node.name)) continue
    const inputs = readers(subs, node)
    const together = inputs.flatMap(input => (input.kind === 'repartition' ? input.keyBy : []))
    const writers = subs.filter(sub => together.some(keyBy => sub.nodeIds.includes(keyBy.id)))
    const written = writers.flatMap(sub => sub.inputs.map(countOfInput))
    const fixed = inputs.map(input => fixedCount(input, countOf)).find(count => count !== undefined)
    const count = fixed ?? Math.max(1, ...written.filter(each => each !== undefined))
    for (const keyBy of together) counts.set(keyBy.name, count)
  }
  return counts
}

/** The inputs whose records meet those of a keyBy in a store, itself included. */
function readers(subs: readonly SubTopology[], keyBy: KeyByNode): readonly SubTopologyInput[] {
  const own = subs.find(sub =>
    sub.inputs.some(input => input.kind === 'repartition' && input.keyBy === keyBy),
  )
  return own?.inputs ?? [{ kind: 'repartition', keyBy }]
}

function fixedCount(input: SubTopologyInput, countOf: PartitionCount): number | undefined {
  return input.kind === 'source' ? countOf(input.node.topic.name) : input.keyBy.partitions
}

function checkCounts(graph: Graph, { inputs, nodeIds }: SubTopology, countOf: PartitionCount): void {
  const counted = inputs
    .map(input => ({ name: inputName(input), count: fixedCount(input, countOf) }))
    .filter(({ count }) => count !== undefined)
  if (new Set(counted.map(({ count }) => count)).size < 2) return
  const list = counted.map(({ name, count }) => `"${name}" has ${count}`).join(', ')
  throw new PlanError(
    { pipeline: graph.name, step: storeName(graph, nodeIds) },
    `the topics that meet here have different partition counts: ${list}`,
    "give them one count, or re-key one with keyBy('name', …) in place of byKey(), which follows the other",
  )
}

function checkKeys(graph: Graph, { inputs, nodeIds }: SubTopology): void {
  const kinds = inputs.map(input => ({
    name: inputName(input),
    // A keyBy writes whatever its callback gives by the general codec, which a built-in serde of the same type agrees with.
    serde: input.kind === 'source' ? input.node.topic.keySerde.id : undefined,
    general: input.kind === 'repartition' || input.node.topic.keySerde.kind !== KeyKind.serde,
  }))
  const serdes = new Set(kinds.flatMap(({ serde }) => serde ?? []))
  const mixed = kinds.some(({ general }) => general) && kinds.some(({ general }) => !general)
  if (serdes.size < 2 && !mixed) return
  const list = kinds.map(({ name, serde }) => `"${name}" as ${serde ?? 'its callback gives them'}`).join(', ')
  throw new PlanError(
    { pipeline: graph.name, step: storeName(graph, nodeIds) },
    `the topics that meet here write their keys differently: ${list}`,
    "give them one keySerde, or re-key each with keyBy('name', …)",
  )
}

function storeName(graph: Graph, nodeIds: readonly number[]): string | undefined {
  return nodeIds.map(id => graph.nodes[id]!).find(usesStore)?.name
}
