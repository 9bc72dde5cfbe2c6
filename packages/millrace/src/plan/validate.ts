import { setsKey } from './callback-result.ts'
import type { Edge, Graph, PlanNode } from './graph.ts'
import { checkCoPartitioning } from './partitions.ts'
import { PlanError } from './plan-error.ts'
import { worksByKey } from './stateful.ts'
import { subTopologies } from './sub-topology.ts'
import { labelOf } from './walk.ts'

/** Checks what only the whole graph shows. Throws `PlanError`. */
export function checkGraph(graph: Graph): void {
  const { name, nodes } = graph
  if (!nodes.some(node => node.kind === 'source'))
    throw new PlanError({ pipeline: name }, 'it reads nothing', 'begin with p.from(topic)')
  for (const node of nodes) {
    if (worksByKey(node)) checkKeyed(graph, node)
    if (node.kind === 'to' || node.kind === 'source') checkOneDeclaration(graph, node)
  }
  checkGlobals(graph)
  checkKeptKeys(graph)
  checkCoPartitioning(graph, topic => declaredPartitions(graph, topic))
}

/**
 * Ids of the `map`, `flatMap`, `process` and `join` steps whose results are grouped by the key they came with: their results
 * must not set another key, since they are not moved to its partition.
 */
export function keyKeepers(graph: Graph): ReadonlySet<number> {
  const keepers = new Set<number>()
  const visit = ({ from, port }: Edge): void => {
    const node = graph.nodes[from]!
    if (port === 'rows' || (node.kind === 'keyBy' && port === 'out')) return
    if (setsKeys(node) && port !== 'failed') keepers.add(from)
    node.inputs.forEach(visit)
  }
  for (const node of graph.nodes) if (worksByKey(node)) node.inputs.forEach(visit)
  return keepers
}

type KeySetter = Extract<PlanNode, { kind: 'map' | 'flatMap' | 'process' | 'lookup' | 'streamJoin' }>

/** Whether the results of a step may come with a key of their own. */
function setsKeys(node: PlanNode): node is KeySetter {
  return ['map', 'flatMap', 'process', 'lookup', 'streamJoin'].includes(node.kind)
}

function callbacksOf(node: KeySetter): Function[] {
  return node.kind === 'process' && node.onTimer !== undefined ? [node.fn, node.onTimer] : [node.fn]
}

/** Whether what leaves a node are the changes of a table, under the keys of its rows. */
function isTable(graph: Graph, node: PlanNode): boolean {
  if (node.kind !== 'emit') return node.kind === 'table' || node.kind === 'tableJoin'
  const aggregate = graph.nodes[node.inputs[0]!.from]!
  return aggregate.kind === 'aggregate' && aggregate.window === undefined
}

/** The `asyncMap` whose records are grouped here without a `keyBy` between: event time is held back for its calls only by that. */
function callsBefore(graph: Graph, { from, port }: Edge): PlanNode | undefined {
  const node = graph.nodes[from]!
  if (node.kind === 'asyncMap') return node
  if (port === 'rows' || (node.kind === 'keyBy' && port === 'out')) return undefined
  for (const edge of node.inputs) {
    const found = callsBefore(graph, edge)
    if (found !== undefined) return found
  }
  return undefined
}

const KEEP_KEYED: ReadonlySet<string> = new Set(['filter', 'peek', 'merge', 'branch', 'hold', 'process'])

function checkKeyed(graph: Graph, step: PlanNode): void {
  for (const edge of step.inputs) {
    const calls = callsBefore(graph, edge)
    if (calls !== undefined)
      throw new PlanError(
        { pipeline: graph.name, step: labelOf(step) },
        `its records come from asyncMap "${calls.name}", which gives them on whenever their calls are through`,
        "put keyBy('name', …) between the two, also where the key stays the same: keyBy('name', (_, record) => record.key)",
      )
  }
  const visit = ({ from, port }: Edge): void => {
    const node = graph.nodes[from]!
    if (port === 'rows' || node.kind === 'byKey' || node.kind === 'keyBy' || isTable(graph, node)) return
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
    if (setsKeys(node) && callbacksOf(node).some(setsKey))
      throw new PlanError(
        { pipeline: graph.name, step: labelOf(node) },
        'it sets a new key, and a step behind it groups by key without moving the records',
        "put keyBy('name', …) between them in place of byKey()",
      )
  }
}

/** The tasks of streams read global topics; without a stream there is no task. */
function checkGlobals(graph: Graph): void {
  const used = new Set(subTopologies(graph).flatMap(({ globals }) => globals.map(({ node }) => node.id)))
  const idle = graph.nodes.find(node => node.kind === 'source' && node.isGlobal && !used.has(node.id))
  if (idle?.kind === 'source')
    throw new PlanError(
      { pipeline: graph.name, topic: idle.topic.name },
      'no stream uses this global table, so no task would read it',
      "join a stream with it: stream.joinGlobal(table, { key: 'field' }, fn)",
    )
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
