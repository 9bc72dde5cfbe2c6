import { analyseCallback, analyseFieldOrFn } from '../serde/json/analyse.ts'
import type {
  AggregateNode,
  CustomAggregator,
  FieldOrFn,
  Graph,
  KeyByNode,
  PlanNode,
  Port,
  SourceNode,
  StreamJoinNode,
  ToTopicNode,
} from './graph.ts'
import { keptAsText, needsOnlyText } from './kept-text.ts'
import { serdeAt } from './serde-at.ts'
import type { Topic } from './topic.ts'
import { consumersOf, crossesTopic, labelOf, makesValues } from './walk.ts'

/** What has to be decoded of a record: these fields, or all of it and why. */
export type FieldUse = { readonly fields: readonly string[] } | { readonly whole: string }

export interface FieldOptions {
  /** Nothing unchecked gets into the log, so reading checks nothing again (SEMANTICS 5.6). */
  readonly closedLog: boolean
  /** Ids of steps whose callbacks are left out. */
  readonly except?: ReadonlySet<number>
}

/**
 * The fields that steps read of the records of a source, or of those a keyBy brings over, as long as their
 * value is unchanged (SEMANTICS 5.5). Sorted, each once.
 */
export function sourceFields(
  graph: Graph,
  input: SourceNode | KeyByNode,
  options: FieldOptions = { closedLog: false },
): FieldUse {
  const reads = new Reads()
  if (input.kind === 'source') readSource(reads, input, options)
  else readCarried(reads, graph, input)
  const consumers = consumersOf(graph)
  const seen = new Set<number>()
  const follow = (from: PlanNode): void => {
    for (const { edge, node } of consumers[from.id]!) {
      if (crossesTopic(graph, edge) ? from !== input : !keepsValue(from, edge.port)) continue
      if (from === input && input.kind === 'keyBy' && edge.port !== 'out') continue
      if (node.kind === 'streamJoin') readJoined(reads, graph, node, node.inputs.indexOf(edge), options)
      if (seen.has(node.id)) continue
      seen.add(node.id)
      readStep(reads, graph, node, options)
      follow(node)
    }
  }
  follow(input)
  return reads.result()
}

/** Whether the records on this port still have the value the node got. */
function keepsValue(node: PlanNode, port: Port): boolean {
  return !['rejected', 'tombstones', 'rows', 'changes'].includes(port) && !makesValues(node, port)
}

/** Collects what is read; the first reason to need everything wins. */
class Reads {
  readonly #fields = new Set<string>()
  #whole: string | undefined

  /** `at` is the place of the value among the arguments. */
  callback(step: string, fn: Function, at = 0): void {
    this.#add(step, analyseCallback(fn, at))
  }

  fieldOrFn(step: string, field: FieldOrFn): void {
    this.#add(step, analyseFieldOrFn(field))
  }

  whole(reason: string): void {
    this.#whole ??= reason
  }

  result(): FieldUse {
    return this.#whole === undefined ? { fields: [...this.#fields].sort() } : { whole: this.#whole }
  }

  #add(step: string, use: ReturnType<typeof analyseCallback>): void {
    if (use.whole) this.whole(`${step}: ${use.reason}`)
    else for (const field of use.fields) this.#fields.add(field)
  }
}

function readSource(reads: Reads, { topic, watermark }: SourceNode, { closedLog }: FieldOptions): void {
  const { json, format } = topic.value
  if (json === undefined) reads.whole(`${topic.name}: ${format} is decoded whole`)
  else if (json.schema !== undefined) readSchema(reads, topic, closedLog)
  if (topic.timestamp !== undefined) reads.fieldOrFn(`${topic.name}, timestamp`, topic.timestamp)
  if (watermark !== undefined) reads.callback(`${topic.name}, watermark`, watermark)
}

/** A keyBy carries an unchanged record as the bytes it came in, which were checked on its other side. */
function readCarried(reads: Reads, graph: Graph, { name, inputs }: KeyByNode): void {
  const serde = serdeAt(graph, inputs[0]!)?.serde
  if (serde === undefined) return
  if (serde.json === undefined) reads.whole(`${name}: ${serde.format} is decoded whole`)
  else if (serde.json.transformation !== 'none') reads.whole(`${name}: the schema may change the value`)
}

function readSchema(reads: Reads, { name, value, validate }: Topic, closedLog: boolean): void {
  if (value.json!.transformation !== 'none') reads.whole(`${name}: its schema may change the value`)
  else if (validate === 'full' && !closedLog) reads.whole(`${name}: its schema checks the whole record`)
}

function readStep(reads: Reads, graph: Graph, node: PlanNode, options: FieldOptions): void {
  const step = labelOf(node)
  const isLeftOut = options.except?.has(node.id) === true
  switch (node.kind) {
    case 'map':
      if (!isLeftOut) reads.callback(step, node.fn)
      break
    case 'filter':
    case 'flatMap':
    case 'peek':
    case 'process':
    case 'forEach':
      reads.callback(step, node.fn)
      break
    case 'lookup':
      if (!isLeftOut) reads.callback(step, node.fn)
      if (node.key !== undefined) reads.fieldOrFn(`${step}, key`, node.key)
      break
    case 'table':
      if (node.selection?.kind === 'map') reads.callback(step, node.selection.fn)
      else reads.whole(`${step}: a table keeps whole values`)
      break
    case 'globalTable':
      reads.whole(`${step}: a table keeps whole values`)
      break
    case 'hold':
    case 'asyncMap':
      reads.whole(`${step}: it keeps whole values`)
      break
    case 'keyBy':
      reads.fieldOrFn(step, node.key)
      // Bytes can only be carried where one serde reads them back; a source behind a `map` is left out by `follow`.
      if (serdeAt(graph, node.inputs[0]!) === undefined) reads.whole(`${step}: it writes merged values anew`)
      break
    case 'branch':
      for (const { name, fn } of node.cases) reads.callback(`${step}, ${name}`, fn)
      break
    case 'aggregate':
      readColumns(reads, node)
      break
    case 'to':
      readWrite(reads, graph, node, options)
      break
    case 'toFile':
      reads.whole('toFile: it writes the whole value')
      break
    case 'print':
      if (node.format === undefined) reads.whole('print: without a format it prints the whole value')
      else reads.callback(step, node.format)
  }
}

/** What is kept as text is read again when it meets another one. */
function readJoined(
  reads: Reads,
  graph: Graph,
  node: StreamJoinNode,
  side: number,
  { except }: FieldOptions,
): void {
  if (except?.has(node.id) && needsOnlyText(graph, node, side)) return
  if (keptAsText(graph, node, side) !== undefined) reads.callback(labelOf(node), node.fn, side)
  else reads.whole(`${labelOf(node)}: a join keeps whole values`)
}

function readColumns(reads: Reads, node: AggregateNode): void {
  for (const { name, aggregator } of node.columns) {
    const column = node.result === 'value' ? node.name : `${node.name}, ${name}`
    if (aggregator.kind === 'custom') readCustom(reads, column, aggregator)
    else if (aggregator.kind !== 'count') reads.fieldOrFn(column, aggregator.field)
    else if (aggregator.where !== undefined) reads.callback(column, aggregator.where)
  }
}

function readCustom(reads: Reads, column: string, { add, remove, keepsFirst }: CustomAggregator): void {
  if (keepsFirst) return reads.whole(`${column}: without init it keeps the first value`)
  reads.callback(column, add, 1)
  if (remove !== undefined) reads.callback(column, remove, 1)
}

function readWrite(reads: Reads, graph: Graph, node: ToTopicNode, options: FieldOptions): void {
  const { topic } = node
  const obstacle = copyObstacle(graph, node, options)
  if (obstacle !== undefined) reads.whole(`${labelOf(node)}: ${obstacle}`)
  if (topic.key !== undefined) reads.fieldOrFn(`${labelOf(node)}, key`, topic.key)
}

/**
 * Why a sink must write its values anew, or undefined where it copies the bytes they came in (SEMANTICS 5.5).
 */
export function copyObstacle(
  graph: Graph,
  { inputs, topic }: ToTopicNode,
  { closedLog }: FieldOptions = { closedLog: false },
): string | undefined {
  const origin = serdeAt(graph, inputs[0]!)
  if (origin === undefined) return 'the value is not the one that was read'
  if (origin.serde.id !== topic.value.id) return 'it has another serde'
  const target = topic.value.json
  if (target?.encodes || (origin.serde.json?.transformation ?? 'none') !== 'none')
    return 'its schema changes values'
  if (target?.schema === undefined) return undefined
  const checked = origin.serde.json?.schema === target.schema && (origin.validate === 'full' || closedLog)
  return checked ? undefined : 'its schema checks what is written'
}
