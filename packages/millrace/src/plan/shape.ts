import { aggregatorText, fieldText, stateText as processStateText, topicText } from './describe.ts'
import type { Aggregator, Graph, KeyByNode, ProcessNode, WindowSpec } from './graph.ts'
import type { PartitionCount } from './partitions.ts'
import { keepsState, type StatefulNode } from './stateful.ts'
import { inputName, subTopologies } from './sub-topology.ts'

/**
 * What of a pipeline has consequences beyond its process: topics, re-keyings and stores. Survives JSON; kept beside the
 * pipeline's state, so that the next start can tell what has changed (SEMANTICS 8.1).
 */
export interface PipelineShape {
  readonly pipeline: string
  readonly sources: readonly TopicShape[]
  readonly sinks: readonly TopicShape[]
  readonly rekeyings: readonly RekeyingShape[]
  readonly stores: readonly StoreShape[]
}

export interface TopicShape {
  readonly name: string
  readonly detail: string
}

export interface RekeyingShape {
  readonly name: string
  readonly partitions: number
  /** The number the code asks for; the topic keeps the one it began with (SEMANTICS 1.5). */
  readonly wanted?: number
  /** The field that gives the key, or `…` for a callback. */
  readonly key: string
  /** Names of the inputs whose records it gets. */
  readonly from?: readonly string[]
}

export interface StoreShape {
  readonly name: string
  /** What gives its rows their keys: the topics of byKey, or `<keyBy>.repartition`, joined by `+`. */
  readonly keyedBy: string
  readonly partitions: number
  /** Kind, size and start of its windows; undefined for a table. Grace may change while the state stays. */
  readonly window?: string
  readonly columns: readonly ColumnShape[]
}

export interface ColumnShape {
  readonly name: string
  /** What its state consists of: equal text, equal state. */
  readonly state: string
  /** Of a state of the user's own, where it is not 1: older code cannot read it. */
  readonly version?: number
  /** The state and what fills it, for people. */
  readonly detail: string
}

/** The shape of a graph over topics with these partition counts. */
export function shapeOf(
  graph: Graph,
  countOf: PartitionCount,
  rekeyedCountOf: (keyBy: KeyByNode) => number | undefined,
): PipelineShape {
  const { nodes } = graph
  const keyBys = nodes.filter((node): node is KeyByNode => node.kind === 'keyBy')
  const subs = subTopologies(graph)
  const stores = subs.flatMap(sub => {
    const counts = sub.inputs.map(input =>
      input.kind === 'source' ? countOf(input.node.topic.name) : rekeyedCountOf(input.keyBy),
    )
    return sub.nodeIds
      .map(id => nodes[id]!)
      .filter(keepsState)
      .map(node =>
        storeShape(node, sub.inputs.map(inputName).join('+'), Math.max(...counts.map(count => count ?? 1))),
      )
  })
  return {
    pipeline: graph.name,
    sources: nodes.flatMap(node =>
      node.kind === 'source' ? [{ name: node.topic.name, detail: topicText(node.topic) }] : [],
    ),
    sinks: nodes.flatMap(node =>
      node.kind === 'to' ? [{ name: node.topic.name, detail: topicText(node.topic) }] : [],
    ),
    rekeyings: keyBys.map(keyBy => ({
      name: keyBy.name,
      partitions: rekeyedCountOf(keyBy) ?? 1,
      ...(keyBy.partitions !== undefined && { wanted: keyBy.partitions }),
      key: fieldText(keyBy.key),
      from: subs.filter(sub => sub.nodeIds.includes(keyBy.id)).flatMap(sub => sub.inputs.map(inputName)),
    })),
    stores,
  }
}

function storeShape(node: StatefulNode, keyedBy: string, partitions: number): StoreShape {
  const { name } = node
  if (node.kind === 'streamJoin' || node.kind === 'hold')
    return { name, keyedBy, partitions, columns: [waiting] }
  if (node.kind === 'asyncMap') return { name, keyedBy, partitions, columns: [calls] }
  if (node.kind === 'table' && node.versionsMs !== undefined)
    return { name, keyedBy, partitions, columns: [versions] }
  if (node.kind === 'process') return { name, keyedBy, partitions, columns: statesOf(node) }
  if (node.kind !== 'aggregate') return { name, keyedBy, partitions, columns: [latestValue] }
  return {
    name,
    keyedBy,
    partitions,
    ...(node.window && { window: windowShape(node.window) }),
    columns: node.columns.map(({ name, aggregator }) => ({
      name,
      state: stateText(aggregator),
      ...versionOf(aggregator.kind === 'custom' ? aggregator : undefined),
      detail: aggregatorText(aggregator),
    })),
  }
}

const waiting: ColumnShape = {
  name: 'waiting',
  state: 'waiting',
  detail: 'records that wait for their partners',
}
const calls: ColumnShape = { name: 'calls', state: 'calls', detail: 'records whose calls are under way' }
const versions: ColumnShape = { name: 'value', state: 'versions', detail: 'the values and their times' }
const latestValue: ColumnShape = { name: 'value', state: 'latest', detail: 'the latest value' }

/** How long a state is kept may change while it stays. */
function statesOf({ states }: ProcessNode): ColumnShape[] {
  return states.map(state => ({
    name: state.name,
    state: state.kind,
    ...versionOf(state),
    detail: processStateText(state),
  }))
}

function versionOf(state: { readonly version: number } | undefined): Pick<ColumnShape, 'version'> {
  return state === undefined || state.version === 1 ? {} : { version: state.version }
}

/** What may change while the state stays is left out. */
function windowShape(spec: WindowSpec): string {
  const { graceMs: _grace, incomplete: _incomplete, ...window } = { graceMs: 0, incomplete: '', ...spec }
  return Object.entries(window)
    .map(([name, value]) => (name === 'kind' ? value : `${name} ${value}`))
    .join(', ')
}

function stateText(aggregator: Aggregator): string {
  return aggregator.kind === 'quantile' ? `quantile within ${aggregator.relativeAccuracy}` : aggregator.kind
}
