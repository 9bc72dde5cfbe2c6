import { setsKey } from './callback-result.ts'
import type { Edge, Graph, PlanNode } from './graph.ts'
import { checkCoPartitioning } from './partitions.ts'
import { PlanError } from './plan-error.ts'
import { keepsState } from './stateful.ts'
import { labelOf } from './walk.ts'

/** Checks what only the whole graph shows. Throws `PlanError`. */
export function checkGraph(graph: Graph): void {
  const { name, nodes } = graph
  if (!nodes.some(node => node.kind === 'source'))
    throw new PlanError({ pipeline: name }, 'it reads nothing', 'begin with p.from(topic)')
  for (const node of nodes) {
    if (keepsState(node)) checkKeyed(graph, node)
    if (node.kind === 'to' || node.kind === 'source') checkOneDeclaration(graph, node)
  }
  checkKeptKeys(graph)
  checkCoPartitioning(graph, topic => declaredPartitions(graph, topic))
}

/**
 * Ids of the `map` and `flatMap` steps whose results are grouped by the key they came with: their results
 * must not set another key, since they are not moved to its partition.
 */
export function keyKeepers(graph: Graph): ReadonlySet<number> {
  const keepers = new Set<number>()
  const visit = ({ from, port }: Edge): void => {
    const node = graph.nodes[from]!
    if (node.kind === 'keyBy' && port === 'out') return
    if ((node.kind === 'map' || node.kind === 'flatMap') && port === 'out') keepers.add(from)
    node.inputs.forEach(visit)
  }
  for (const node of graph.nodes) if (keepsState(node)) node.inputs.forEach(visit)
  return keepers
}

const KEEP_KEYED: ReadonlySet<string> = new Set(['filter', 'peek', 'merge', 'branch'])

function checkKeyed(graph: Graph, step: PlanNode): void {
  const visit = ({ from }: Edge): void => {
    const node = graph.nodes[from]!
    if (node.kind === 'byKey' || node.kind === 'keyBy') return
    if (!KEEP_KEYED.has(node.kind))
      throw new PlanError(
        { pipeline: graph.name, step: step.name },
        `its records come from "${labelOf(node)}" and are not grouped by a key`,
        "put keyBy('field') before it, or byKey() where the record's own key is meant",
      )
    node.inputs.forEach(visit)
  }
  step.inputs.forEach(visit)
}

function checkKeptKeys(graph: Graph): void {
  for (const id of keyKeepers(graph)) {
    const node = graph.nodes[id]!
    if ((node.kind === 'map' || node.kind === 'flatMap') && setsKey(node.fn))
      throw new PlanError(
        { pipeline: graph.name, step: labelOf(node) },
        'it sets a new key, and a step behind it groups by key without moving the records',
        "put keyBy('name', …) between them in place of byKey()",
      )
  }
}

/** One topic, one declaration: two would read or write its bytes differently. */
function checkOneDeclaration(graph: Graph, node: Extract<PlanNode, { kind: 'to' | 'source' }>): void {
  const other = graph.nodes.find(
    each => each.kind === node.kind && each.topic.name === node.topic.name && each.topic !== node.topic,
  )
  if (other !== undefined)
    throw new PlanError(
      { pipeline: graph.name, topic: node.topic.name },
      'the pipeline uses two declarations of this topic',
      'declare it once and import it',
    )
}

function declaredPartitions(graph: Graph, name: string): number | undefined {
  const source = graph.nodes.find(node => node.kind === 'source' && node.topic.name === name)
  return source?.kind === 'source' ? source.topic.partitions : undefined
}
