import { type CallbackRules, checkCallback } from '../plan/callbacks.ts'
import type { Aggregator, Edge, Emission, Port, RetryPolicy, WindowSpec } from '../plan/graph.ts'
import type { GraphBuilder } from '../plan/graph-builder.ts'
import { checkColumns, checkEmission, checkKeyBy, checkPort, checkSink } from '../plan/steps.ts'
import type { Topic, TopicToWrite } from '../plan/topic.ts'
import { toMs } from '../std/duration.ts'
import type { Columns } from './aggregates.ts'
import type { RetryOptions, StepOptions } from './callback-types.ts'
import type { EmitOptions, ForEachOptions, KeyByOptions, KeyedStream, Sink, SourceStream } from './stream.ts'

/*
 * The classes behind the interfaces of stream.ts. They know no types of values: a step is a node of the
 * graph and the edge its records leave on, and the interfaces say what may be called.
 */

type Fn = (...args: any[]) => any
type AnyStream = GraphStream & KeyedStream<any, any, any>
type Reduction = { init?: () => unknown; fn: Fn }

/** An edge of a graph under construction. */
class GraphEdge {
  readonly builder: GraphBuilder
  readonly edge: Edge
  constructor(builder: GraphBuilder, edge: Edge) {
    this.builder = builder
    this.edge = edge
  }

  side(port: Port, from: Edge = this.edge): AnyStream {
    checkPort(this.builder, from, port)
    return stream(this.builder, { from: from.from, port })
  }

  get failed(): AnyStream {
    return this.side('failed')
  }
}

class GraphStream extends GraphEdge {
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
    for (const name of names) checkCallback(cases[name], `the case "${name}"`, this.#place('branch'))
    const edge = this.builder.add({
      kind: 'branch',
      cases: names.map(name => ({ name, fn: cases[name]! })),
      inputs: [this.edge],
    })
    const ports = [...names, 'otherwise']
    return Object.fromEntries(ports.map(name => [name, this.side(`case:${name}`, edge)]))
  }

  merge(...others: readonly unknown[]): AnyStream {
    return this.#add({ kind: 'merge', inputs: [this.edge, ...others.map(other => this.#edgeOf(other))] })
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
    if (format !== undefined) checkCallback(format, 'the format', this.#place('print'))
    return this.#sink({ kind: 'print', format, inputs: [this.edge] })
  }

  forEach(nameOrFn: string | Fn, fnOrOptions?: Fn | ForEachOptions, last: ForEachOptions = {}): Sink<any> {
    const named = typeof nameOrFn === 'string'
    const name = named ? nameOrFn : undefined
    const fn = (named ? fnOrOptions : nameOrFn) as Fn
    const { concurrency = 1, timeout = '30s', retry } = named ? last : ((fnOrOptions ?? {}) as ForEachOptions)
    const step = name ?? 'forEach'
    checkCallback(fn, 'the callback', this.#place(step), { async: true })
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

  aggregate(name: string, columns: Columns<any>): GraphTable {
    return aggregate(this, name, columns)
  }

  reduce(name: string, fn: Fn, init?: () => unknown): GraphTable {
    return reduce(this, name, { fn, init })
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
    checkCallback(fn, 'the callback', this.#place(step), rules)
    const retry = retryPolicy(this.builder, step, options.retry)
    return this.#add({ kind, name: options.name, fn, retry, inputs: [this.edge] })
  }

  #add(draft: Parameters<GraphBuilder['add']>[0]): AnyStream {
    return stream(this.builder, this.builder.add(draft))
  }

  #sink(draft: Parameters<GraphBuilder['add']>[0]): Sink<any> {
    return new GraphEdge(this.builder, this.builder.add(draft))
  }

  #place(step: string) {
    return { pipeline: this.builder.pipeline, step }
  }

  #edgeOf(other: unknown): Edge {
    if (!(other instanceof GraphEdge))
      this.builder.fail(
        'merge',
        'it was given something that is not a stream',
        'pass streams of this pipeline',
      )
    if (other.builder !== this.builder)
      this.builder.fail(
        'merge',
        `it was given a stream of pipeline "${other.builder.pipeline}"`,
        'connect pipelines through a topic: write it there, read it here',
      )
    return other.edge
  }
}

class GraphWindowedStream extends GraphEdge {
  readonly spec: WindowSpec
  constructor(builder: GraphBuilder, edge: Edge, spec: WindowSpec) {
    super(builder, edge)
    this.spec = spec
  }

  aggregate(name: string, columns: Columns<any>): GraphTable {
    return aggregate(this, name, columns, this.spec)
  }

  reduce(name: string, fn: Fn, init?: () => unknown): GraphTable {
    return reduce(this, name, { fn, init }, this.spec)
  }
}

class GraphTable extends GraphEdge {
  get late(): AnyStream {
    return this.side('late')
  }

  emit(when: 'final' | 'updates' | Emission, options: EmitOptions = {}): GraphResults {
    const emission = typeof when === 'string' ? { kind: when, ...options } : when
    checkEmission(this.builder, this.edge, emission)
    const edge = this.builder.add({ kind: 'emit', emission: emission as Emission, inputs: [this.edge] })
    return new GraphResults(this.builder, edge, this.edge)
  }
}

/** What an aggregate emits; its side streams are the aggregate's. */
class GraphResults extends GraphStream {
  readonly table: Edge
  constructor(builder: GraphBuilder, edge: Edge, table: Edge) {
    super(builder, edge)
    this.table = table
  }

  get late(): AnyStream {
    return this.side('late', this.table)
  }

  override get failed(): AnyStream {
    return this.side('failed', this.table)
  }
}

/** The stream of a source node. */
export function sourceStream(builder: GraphBuilder, edge: Edge): SourceStream<any, any> {
  return stream(builder, edge)
}

function stream(builder: GraphBuilder, edge: Edge): AnyStream {
  return new GraphStream(builder, edge) as unknown as AnyStream
}

function aggregate(from: GraphEdge, name: string, columns: Columns<any>, window?: WindowSpec): GraphTable {
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
  return new GraphTable(from.builder, edge)
}

function reduce(from: GraphEdge, name: string, { fn, init }: Reduction, window?: WindowSpec): GraphTable {
  const place = { pipeline: from.builder.pipeline, step: name }
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
  return new GraphTable(from.builder, edge)
}

/** Without `init` the first value is the result so far. */
function firstOr(fn: Fn): Fn {
  return (state, value, record) => (state === undefined ? value : fn(state, value, record))
}

function retryPolicy(builder: GraphBuilder, step: string, retry?: RetryOptions): RetryPolicy | undefined {
  if (retry === undefined) return undefined
  if (!(Number.isSafeInteger(retry.retries) && retry.retries >= 0))
    builder.fail(step, `retry.retries is ${retry.retries}`, 'give a whole number from 0')
  return { retries: retry.retries, backoffMs: toMs(retry.backoff ?? '100ms', `${step}, retry.backoff`) }
}
