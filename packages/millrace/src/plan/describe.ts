import { type FieldOptions, type FieldUse, sourceFields } from './fields.ts'
import type {
  Aggregator,
  AsyncMapNode,
  Edge,
  Emission,
  FieldOrFn,
  Graph,
  PlanNode,
  ProcessNode,
  StateSpec,
  WindowSpec,
} from './graph.ts'
import { inputName, type SubTopology, subTopologies } from './sub-topology.ts'
import { retentionText, type Topic } from './topic.ts'
import { labelOf } from './walk.ts'

/** A pipeline as data that survives JSON: what `describe` prints and the console draws. */
export interface PipelineDescription {
  readonly pipeline: string
  readonly subTopologies: readonly SubTopologyDescription[]
  readonly steps: readonly StepDescription[]
}

export interface SubTopologyDescription {
  readonly name: string
  readonly inputs: readonly InputDescription[]
  /** Ids of its steps; a step behind a merge without a store is in several. */
  readonly steps: readonly number[]
  readonly keyed: boolean
}

export interface InputDescription {
  readonly name: string
  /** What is decoded of its records: the fields that are read, or the whole record and why. */
  readonly decodes: FieldUse
  /** Every task reads all of its partitions. */
  readonly isGlobal?: true
}

export interface StepDescription {
  readonly id: number
  readonly kind: PlanNode['kind']
  readonly label: string
  /** What it does beyond its kind: topic, key, window, columns, emission; empty for a plain callback. */
  readonly detail: string
  readonly inputs: readonly Edge[]
}

/** Describes a pipeline as it would run on a log of this kind. */
export function describeGraph(graph: Graph, options?: FieldOptions): PipelineDescription {
  return {
    pipeline: graph.name,
    subTopologies: subTopologies(graph).map(sub => describeSub(graph, sub, options)),
    steps: graph.nodes.map(node => ({
      id: node.id,
      kind: node.kind,
      label: labelOf(node),
      detail: detailOf(node),
      inputs: node.inputs,
    })),
  }
}

function describeSub(graph: Graph, sub: SubTopology, options?: FieldOptions): SubTopologyDescription {
  const inputs = [...sub.inputs, ...sub.globals].map(input => ({
    name: inputName(input),
    decodes: sourceFields(graph, input.kind === 'source' ? input.node : input.keyBy, options),
    ...(input.kind === 'source' && input.node.isGlobal && { isGlobal: true as const }),
  }))
  return { name: sub.name, inputs, steps: sub.nodeIds, keyed: sub.keyed }
}

function detailOf(node: PlanNode): string {
  switch (node.kind) {
    case 'source': {
      if (node.isGlobal) return topicText(node.topic)
      const idle = Number.isFinite(node.idleMs) ? `${node.idleMs} ms` : 'never'
      const time = node.watermark === undefined ? `out of order ${node.outOfOrderMs} ms` : 'watermark (…)'
      return `${topicText(node.topic)}, ${time}, idle ${idle}`
    }
    case 'keyBy':
      return fieldText(node.key)
    case 'branch':
      return node.cases.map(({ name }) => name).join(', ')
    case 'aggregate': {
      const columns = node.columns.map(({ name, aggregator }) => `${name}: ${aggregatorText(aggregator)}`)
      return `${node.window === undefined ? '' : `${windowText(node.window)}; `}${columns.join(', ')}`
    }
    case 'process':
      return processText(node)
    case 'emit':
      return emissionText(node.emission)
    case 'table':
      return [
        ...(node.selection === undefined ? [] : [`${node.selection.kind}(…)`]),
        ...(node.versionsMs === undefined ? [] : [`versions ${node.versionsMs} ms`]),
      ].join(', ')
    case 'hold':
      return 'until the time of its record'
    case 'asyncMap':
      return callsText(node)
    case 'tableJoin':
      return node.sides
        .map(({ name, isRequired }, i) => `${name ?? ['left', 'right'][i]}${isRequired ? '' : ' or none'}`)
        .join(', ')
    case 'lookup':
      return node.key === undefined ? node.how : `${node.how}, key ${fieldText(node.key)}`
    case 'globalTable':
      return 'all partitions in every task'
    case 'streamJoin':
      return `${node.how}, right from ${node.beforeMs} ms before to ${node.afterMs} ms after left, grace ${node.graceMs} ms`
    case 'to':
      return topicText(node.topic)
    case 'toFile':
      return node.path
    default:
      return ''
  }
}

/** For example `every 5000 ms of wall time`. */
function emissionText(emission: Emission): string {
  if (emission.kind === 'final' && emission.allowedLatenessMs !== undefined)
    return `final, allowed lateness ${emission.allowedLatenessMs} ms`
  if (emission.kind === 'count')
    return `with every ${emission.records} records${emission.reset ? ', begins again' : ''}`
  if (emission.kind === 'when') return `when its row fits, ${emission.again ? 'each time again' : 'once'}`
  if (emission.kind !== 'every') return emission.kind
  if ('everyMs' in emission) return `every ${emission.everyMs} ms of ${emission.time} time`
  return `at ${emission.schedule.expression}, ${emission.schedule.timeZone}`
}

/** For example `seen: map, ttl 3600000 ms; timers; sides: alerts`. */
function processText({ states, onTimer, sides, broadcast, holdBackMs }: ProcessNode): string {
  const parts = states.map(state => `${state.name}: ${stateText(state)}`)
  if (onTimer !== undefined) parts.push(holdBackMs === 0 ? 'timers' : `timers, hold back ${holdBackMs} ms`)
  if (broadcast.length > 0) parts.push(`broadcast: ${broadcast.join(', ')}`)
  if (sides.length > 0) parts.push(`sides: ${sides.join(', ')}`)
  return parts.join('; ')
}

/** For example `16 at once, 30000 ms each, 3 retries, order key`. */
function callsText({ concurrency, timeoutMs, retry, order }: AsyncMapNode): string {
  const retries = retry === undefined || retry.retries === 0 ? '' : `, ${retry.retries} retries`
  return `${concurrency} at once, ${timeoutMs} ms each${retries}, order ${order}`
}

/** For example `map, ttl 3600000 ms`. */
export function stateText({ kind, ttlMs }: StateSpec): string {
  return ttlMs === undefined ? kind : `${kind}, ttl ${ttlMs} ms`
}

/** For example `json, retention 7d`. */
export function topicText(topic: Topic): string {
  const retention = retentionText(topic)
  return retention === undefined ? topic.value.format : `${topic.value.format}, retention ${retention}`
}

/** For example `hopping 60000 ms every 10000 ms, grace 30000 ms`. */
function windowText(window: WindowSpec): string {
  if (window.kind === 'calendar')
    return `calendar ${window.unit} ${window.timeZone}, grace ${window.graceMs} ms`
  if (window.kind === 'count') {
    const slide = window.slide === window.records ? '' : `, one with every ${window.slide}`
    return `count ${window.records} records${slide}`
  }
  if (window.kind === 'sliding') return `sliding ${window.sizeMs} ms, grace ${window.graceMs} ms`
  if (window.kind === 'session') {
    const { gapMs, graceMs, maxLengthMs } = window
    const max = maxLengthMs === undefined ? '' : `, at most ${maxLengthMs} ms`
    return `session gap ${gapMs} ms${max}, grace ${graceMs} ms`
  }
  const { kind, sizeMs, offsetMs, graceMs } = window
  const every = kind === 'hopping' ? ` every ${window.advanceMs} ms` : ''
  const offset = offsetMs === 0 ? '' : `, offset ${offsetMs} ms`
  return `${kind} ${sizeMs} ms${every}${offset}, grace ${graceMs} ms`
}

/** For example `quantile(ms, 0.95)`; a callback is shown as `…`. */
export function aggregatorText(aggregator: Aggregator): string {
  switch (aggregator.kind) {
    case 'count':
      return aggregator.where === undefined ? 'count()' : 'count(…)'
    case 'quantile':
      return `quantile(${fieldText(aggregator.field)}, ${aggregator.q})`
    case 'custom':
      return `custom v${aggregator.version}`
    default:
      return `${aggregator.kind}(${fieldText(aggregator.field)})`
  }
}

export function fieldText(field: FieldOrFn): string {
  return typeof field === 'string' ? field : '…'
}
