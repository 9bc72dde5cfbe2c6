import { type CallbackRules, checkCallback } from '../plan/callbacks.ts'
import type { Aggregator, Edge, Port, WindowSpec } from '../plan/graph.ts'
import type { GraphBuilder } from '../plan/graph-builder.ts'
import { checkColumns, checkKeyBy, checkPort, checkReduce, checkSink } from '../plan/steps.ts'
import type { Topic, TopicToWrite } from '../plan/topic.ts'
import { toMs } from '../std/duration.ts'
import type { Columns } from './aggregates.ts'
import { type AsyncMapOptions, asyncMapNode } from './async-map.ts'
import type { StepOptions } from './callback-types.ts'
import { globalLookup } from './global-table.ts'
import type { AnyStream, Fn } from './graph-edge.ts'
import { GraphOperators } from './graph-operators.ts'
import { GraphAggregate, GraphTable, joinTables, lookup, tableOn } from './graph-table.ts'
import { type StreamJoinArguments, streamJoin } from './join-streams.ts'
import { broadcastEdges, type ProcessOptions, processNode } from './process.ts'
import { retryPolicy } from './retry-policy.ts'
import type { ForEachOptions, KeyByOptions, Sink, SourceStream } from './stream.ts'
import type {
  GlobalJoinOptions,
  JoinedTables,
  JoinOptions,
  SourceTable,
  Table,
  TableRowOptions,
} from './table.ts'

type LookupArguments = [table: unknown, fn: Fn, options?: JoinOptions]
type JoinArguments = LookupArguments | StreamJoinArguments
type Reduction = { init?: () => unknown; fn: Fn }

/** An edge whose step may fail. */
class GraphStep extends GraphOperators {
  side(port: Port, from: Edge = this.edge): AnyStream {
    checkPort(this.builder, from, port)
    return stream(this.builder, { from: from.from, port })
  }

  get failed(): AnyStream {
    return this.side('failed')
  }
}

class GraphStream extends GraphStep {
  filter(fn: Fn, options?: StepOptions): AnyStream {
    return this.#step('filter', fn, options)
  }

  map(fn: Fn, options?: StepOptions): AnyStream {
    return this.#step('map', fn, options)
  }

  flatMap(fn: Fn, options?: StepOptions): AnyStream {
    return this.#step('flatMap', fn, options, { generator: true })
  }

  peek(fn: Fn, options?: StepOptions): AnyStream {
    return this.#step('peek', fn, options)
  }

  asyncMap(name: string, fn: Fn, options?: AsyncMapOptions): AnyStream {
    return this.#add(asyncMapNode(this.builder, this.edge, name, fn, options))
  }

  keyBy(name: string, key?: string | Fn, options: KeyByOptions = {}): AnyStream {
    checkKeyBy(this.builder, name, key, options.partitions)
    const watermarkMs = toMs(options.watermark ?? 100, `keyBy "${name}", watermark`)
    const { partitions } = options
    return this.#add({ kind: 'keyBy', name, key: key ?? name, partitions, watermarkMs, inputs: [this.edge] })
  }

  byKey(): AnyStream {
    return this.#add({ kind: 'byKey', inputs: [this.edge] })
  }

  branch(cases: Record<string, Fn>): Record<string, AnyStream> {
    const names = Object.keys(cases)
    if (names.includes('otherwise'))
      this.builder.fail('branch', '"otherwise" is the stream of the rest', 'call this case something else')
    for (const name of names) checkCallback(cases[name], `the case "${name}"`, this.place('branch'))
    const edge = this.builder.add({
      kind: 'branch',
      cases: names.map(name => ({ name, fn: cases[name]! })),
      inputs: [this.edge],
    })
    const ports = [...names, 'otherwise']
    return Object.fromEntries(ports.map(name => [name, this.side(`case:${name}`, edge)]))
  }

  merge(...others: readonly unknown[]): AnyStream {
    return this.#add({
      kind: 'merge',
      inputs: [this.edge, ...others.map(other => this.edgeOf('merge', other, 'stream'))],
    })
  }

  apply<T>(fragment: (stream: any) => T): T {
    return fragment(this)
  }

  to(topic: TopicToWrite<any, any>): Sink<any> {
    checkSink(this.builder, topic)
    return this.#sink({ kind: 'to', topic: topic as Topic, inputs: [this.edge] })
  }

  toFile(path: string): Sink<any> {
    if (typeof path !== 'string' || path === '')
      this.builder.fail('toFile', 'there is no path', 'name a file')
    return this.#sink({ kind: 'toFile', path, inputs: [this.edge] })
  }

  print(format?: Fn): Sink<any> {
    if (format !== undefined) checkCallback(format, 'the format', this.place('print'))
    return this.#sink({ kind: 'print', format, inputs: [this.edge] })
  }

  forEach(nameOrFn: string | Fn, fnOrOptions?: Fn | ForEachOptions, last: ForEachOptions = {}): Sink<any> {
    const named = typeof nameOrFn === 'string'
    const name = named ? nameOrFn : undefined
    const fn = (named ? fnOrOptions : nameOrFn) as Fn
    const { concurrency = 1, timeout = '30s', retry } = named ? last : ((fnOrOptions ?? {}) as ForEachOptions)
    const step = name ?? 'forEach'
    checkCallback(fn, 'the callback', this.place(step), { async: true })
    if (!(Number.isSafeInteger(concurrency) && concurrency > 0))
      this.builder.fail(step, `concurrency is ${concurrency}`, 'give a whole number from 1')
    return this.#sink({
      kind: 'forEach',
      name,
      fn,
      concurrency,
      timeoutMs: toMs(timeout, `${step}, timeout`),
      retry: retryPolicy(this.builder, step, retry),
      inputs: [this.edge],
    })
  }

  window(window: WindowSpec): GraphWindowedStream {
    return new GraphWindowedStream(this.builder, this.edge, window)
  }

  aggregate(name: string, columns: Columns<any>): GraphAggregate {
    return aggregate(this, name, columns)
  }

  reduce(name: string, fn: Fn, init?: () => unknown): GraphAggregate {
    return reduce(this, name, { fn, init })
  }

  toTable(name: string, options?: TableRowOptions): GraphTable {
    return tableOn(this.builder, this.edge, name, stream, options)
  }

  join(...args: JoinArguments): AnyStream {
    return this.#join('inner', args)
  }

  leftJoin(...args: JoinArguments): AnyStream {
    return this.#join('left', args)
  }

  outerJoin(...args: JoinArguments): AnyStream {
    return this.#join('outer', args)
  }

  #join(how: 'inner' | 'left' | 'outer', args: JoinArguments): AnyStream {
    if (typeof args[0] !== 'string' && how !== 'outer')
      return stream(this.builder, lookup(this, how, ...(args as LookupArguments)))
    return stream(this.builder, streamJoin(this, how, ...(args as StreamJoinArguments)))
  }

  joinGlobal(table: unknown, options: GlobalJoinOptions<string | Fn>, fn: Fn): AnyStream {
    return stream(this.builder, globalLookup(this, 'inner', table, options, fn))
  }

  leftJoinGlobal(table: unknown, options: GlobalJoinOptions<string | Fn>, fn: Fn): AnyStream {
    return stream(this.builder, globalLookup(this, 'left', table, options, fn))
  }

  get late(): AnyStream {
    return this.side('late')
  }

  process(name: string, options: ProcessOptions<any, any, any, any, any>, fn: Fn): GraphProcess {
    const retry = retryPolicy(this.builder, name, options.retry)
    const tables = broadcastEdges(this, name, options.broadcast)
    const node = processNode(this.builder, this.edge, name, options, fn, retry, tables)
    return new GraphProcess(this.builder, this.builder.add(node), node.sides)
  }

  get rejected(): AnyStream {
    return this.side('rejected')
  }

  get tombstones(): AnyStream {
    return this.side('tombstones')
  }

  #step(
    kind: 'filter' | 'map' | 'flatMap' | 'peek',
    fn: Fn,
    options: StepOptions = {},
    rules: CallbackRules = {},
  ) {
    const step = options.name ?? kind
    checkCallback(fn, 'the callback', this.place(step), rules)
    const retry = retryPolicy(this.builder, step, options.retry)
    return this.#add({ kind, name: options.name, fn, retry, inputs: [this.edge] })
  }

  #add(draft: Parameters<GraphBuilder['add']>[0]): AnyStream {
    return stream(this.builder, this.builder.add(draft))
  }

  #sink(draft: Parameters<GraphBuilder['add']>[0]): Sink<any> {
    return new GraphStep(this.builder, this.builder.add(draft))
  }
}

/** What leaves a process step. */
class GraphProcess extends GraphStream {
  readonly sides: Readonly<Record<string, AnyStream>>
  constructor(builder: GraphBuilder, edge: Edge, sides: readonly string[]) {
    super(builder, edge)
    this.sides = Object.fromEntries(sides.map(name => [name, this.side(`side:${name}`)]))
  }
}

class GraphWindowedStream extends GraphStep {
  readonly spec: WindowSpec
  constructor(builder: GraphBuilder, edge: Edge, spec: WindowSpec) {
    super(builder, edge)
    this.spec = spec
  }

  aggregate(name: string, columns: Columns<any>): GraphAggregate {
    return aggregate(this, name, columns, this.spec)
  }

  reduce(name: string, fn: Fn, init?: () => unknown): GraphAggregate {
    return reduce(this, name, { fn, init }, this.spec)
  }
}

/** What an aggregate emits; its side streams are the aggregate's. */
class GraphResults extends GraphStream {
  readonly table: Edge
  constructor(builder: GraphBuilder, edge: Edge, table: Edge) {
    super(builder, edge)
    this.table = table
  }

  override get late(): AnyStream {
    return this.side('late', this.table)
  }

  override get failed(): AnyStream {
    return this.side('failed', this.table)
  }
}

/** The stream of a source node. */
export function sourceStream(builder: GraphBuilder, edge: Edge): SourceStream<any, any> {
  return stream(builder, edge) as AnyStream & SourceStream<any, any>
}

/** The table of a source node, the one of that name where there is one already. */
export function sourceTable(
  builder: GraphBuilder,
  source: Edge,
  name: string,
  options: TableRowOptions,
): SourceTable<any, any> {
  const known = builder.nodes.find(node => node.kind === 'table' && node.name === name)
  const before = known && builder.nodes[known.inputs[0]!.from]!
  // Between them is the step that lets rows expire.
  const grouping = before?.kind === 'process' ? builder.nodes[before.inputs[0]!.from]! : before
  const isSame = grouping?.kind === 'byKey' && grouping.inputs[0]!.from === source.from
  const edge: Edge = isSame
    ? { from: known!.id, port: 'out' }
    : tableOn(builder, builder.add({ kind: 'byKey', inputs: [source] }), name, stream, options).edge
  return new GraphSourceTable(builder, edge, source) as unknown as SourceTable<any, any>
}

class GraphSourceTable extends GraphTable {
  readonly source: Edge
  constructor(builder: GraphBuilder, edge: Edge, source: Edge) {
    super(builder, edge, stream)
    this.source = source
  }

  get rejected(): AnyStream {
    checkPort(this.builder, this.source, 'rejected')
    return stream(this.builder, { from: this.source.from, port: 'rejected' })
  }
}

/** The join of several tables in one step. */
export function joinedTables(
  builder: GraphBuilder,
  name: string,
  tables: JoinedTables,
  fn: unknown,
  optional: readonly string[],
): Table<any, any> {
  const names = Object.keys(tables)
  const unknown = optional.find(each => !names.includes(each))
  if (unknown !== undefined)
    builder.fail(
      name,
      `optional names "${unknown}", which is none of its tables`,
      `name some of ${names.join(', ')}`,
    )
  if (names.length < 2) builder.fail(name, 'it joins fewer than two tables', 'give { a: tableA, b: tableB }')
  const sides = names.map(each => ({ name: each, isRequired: !optional.includes(each) }))
  const joined = joinTables(builder, name, Object.values(tables), sides, fn as Fn, stream)
  return joined as unknown as Table<any, any>
}

function stream(builder: GraphBuilder, edge: Edge): AnyStream {
  return new GraphStream(builder, edge) as unknown as AnyStream
}

function results(builder: GraphBuilder, edge: Edge, table: Edge): AnyStream {
  return new GraphResults(builder, edge, table) as unknown as AnyStream
}

function aggregate(
  from: GraphStep,
  name: string,
  columns: Columns<any>,
  window?: WindowSpec,
): GraphAggregate {
  const named = Object.entries(columns).map(([column, entry]) => ({
    name: column,
    aggregator: entry?.aggregator,
  }))
  checkColumns(from.builder, name, named, window)
  const edge = from.builder.add({
    kind: 'aggregate',
    name,
    columns: named,
    window,
    result: 'row',
    inputs: [from.edge],
  })
  return new GraphAggregate(from.builder, edge, stream, results)
}

function reduce(from: GraphStep, name: string, { fn, init }: Reduction, window?: WindowSpec): GraphAggregate {
  const place = { pipeline: from.builder.pipeline, step: name }
  checkReduce(from.builder, name, window)
  checkCallback(fn, 'the callback', place)
  if (init !== undefined) checkCallback(init, 'init', place)
  const aggregator: Aggregator =
    init === undefined
      ? { kind: 'custom', init: () => undefined, add: firstOr(fn), version: 1, keepsFirst: true }
      : { kind: 'custom', init, add: fn, version: 1 }
  const columns = [{ name: 'value', aggregator }]
  const edge = from.builder.add({
    kind: 'aggregate',
    name,
    columns,
    window,
    result: 'value',
    inputs: [from.edge],
  })
  return new GraphAggregate(from.builder, edge, stream, results)
}

/** Without `init` the first value is the result so far. */
function firstOr(fn: Fn): Fn {
  return (state, value, record) => (state === undefined ? value : fn(state, value, record))
}
