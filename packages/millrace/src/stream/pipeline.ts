import { checkCallback } from '../plan/callbacks.ts'
import type { Edge, Graph, OutOfRange, PipelineOptions, SourceNode } from '../plan/graph.ts'
import { GraphBuilder } from '../plan/graph-builder.ts'
import { PlanError } from '../plan/plan-error.ts'
import type { DeepReadonly } from '../plan/readonly.ts'
import { checkedStart, type Start } from '../plan/start.ts'
import { checkSource } from '../plan/steps.ts'
import type { Topic } from '../plan/topic.ts'
import { checkGraph } from '../plan/validate.ts'
import { type Duration, toMs } from '../std/duration.ts'
import type { NotPromise } from './callback-types.ts'
import { globalTableOf } from './global-table.ts'
import { joinedTables, sourceStream, sourceTable } from './graph-stream.ts'
import type { SourceStream } from './stream.ts'
import type {
  GlobalTable,
  GlobalTableOptions,
  JoinedTables,
  JoinTablesOptions,
  KeyOfTables,
  RowsOf,
  SourceTable,
  Table,
  TableOptions,
} from './table.ts'

/** A pipeline as data: what `start` runs and `describe` draws. */
export interface Pipeline {
  readonly kind: 'pipeline'
  readonly name: string
  /** Deeply frozen; shares nothing with other pipelines but the topics. */
  readonly graph: Graph
}

export interface PipelineSettings {
  /** Longest time between commits, 100 ms by default (1 s at-least-once); shorter when the inputs are drained. */
  readonly commitInterval?: Duration
  /** A task stops when more than this share of its last 100 or more records failed; 0.5 by default. */
  readonly maxFailureRate?: number
}

export interface SourceOptions<V = any> {
  /** How much older than the newest record of its partition a record may be; 0 by default. */
  readonly outOfOrder?: Duration
  /**
   * In place of `outOfOrder`: says with a record, whose event time it is given, before which time no further record of the partition
   * is expected (ms since the epoch or a Date), or nothing. The latest that was said counts, as far as records have come.
   *
   * @example
   * p.from(readings, { watermark: v => v.completeUntil })
   */
  readonly watermark?: (value: DeepReadonly<V>, timestamp: number) => number | Date | null | undefined
  /** How long a partition must have nothing new until time goes on without it; 5 s by default. */
  readonly idle?: Duration | 'never'
  /** How far ahead of its append time a record may lie before it is rejected; 1 h by default. */
  readonly maxFuture?: Duration
  /** How long a step with several inputs waits for one that has nothing; for ever by default. */
  readonly maxWait?: Duration
  /**
   * How far event time of a partition may be ahead of the slowest one, over all topics of the pipeline with a `maxDrift`; one that is further
   * is paused until the others come near. Not limited by default. Results are the same with and without it.
   *
   * @example
   * p.from(readings, { outOfOrder: '10s', maxDrift: '5m' })
   */
  readonly maxDrift?: Duration
  /** Records without a value go to the callbacks as null instead of to `.tombstones`. */
  readonly nulls?: boolean
  /** Where to begin when the pipeline has never read the topic: `earliest` (default), `latest`, or a time. */
  readonly start?: Start
  /**
   * What happens when the log does not hold the next record any more, because retention took it before it was read: the pipeline
   * stops (`fail`, the default), or goes on at the earliest or latest record with a warning of what was left out.
   */
  readonly outOfRange?: OutOfRange
}

/** Hands out the sources of a pipeline while it is built. */
export interface PipelineBuilder {
  /** The records of a topic. The same topic with the same options is the same source. */
  from<V, K, O extends { readonly nulls?: boolean } = {}>(
    topic: Topic<V, K, any>,
    options?: O & SourceOptions<V>,
  ): SourceStream<O extends { readonly nulls: true } ? V | null : V, K | null>

  /**
   * The rows of a topic: the latest value of each key. A null value deletes. What the topic holds at the start is read before any
   * record of a stream that meets the table.
   */
  table<V, K>(topic: Topic<V, K, any>, options?: TableOptions): SourceTable<V, NonNullable<K>>

  /**
   * The rows of a topic, all of them in every task: a stream is joined with it by any field, without re-keying. Its records do not move
   * event time. The topic is read from its beginning at each start, so it should be compacted.
   *
   * @example
   * const products = p.globalTable(catalogue)
   * p.from(orders).joinGlobal(products, { key: 'product' }, (order, { price }) => ({ ...order, price })).to(priced)
   */
  globalTable<V, K>(topic: Topic<V, K, any>, options?: GlobalTableOptions): GlobalTable<V, NonNullable<K>>

  /** A row for each key that all these tables have, of the optional ones what they have. The name is the store's. */
  join<T extends JoinedTables, S, O extends keyof T & string = never>(
    name: string,
    tables: T,
    fn: (rows: RowsOf<T, O>) => NotPromise<S>,
    options?: JoinTablesOptions<O>,
  ): Table<NonNullable<S>, KeyOfTables<T>>
}

type Build<R> = (p: PipelineBuilder) => NotPromise<R>

/** Builds a pipeline by calling `build` once. Throws `PlanError` when it could not run as written. */
export function pipeline<R>(name: string, build: Build<R>): Pipeline
export function pipeline<R>(name: string, settings: PipelineSettings, build: Build<R>): Pipeline
export function pipeline(name: string, ...rest: [unknown, unknown?]): Pipeline {
  const [settings, build] = rest.length === 1 ? [{}, rest[0]] : rest
  const builder = new GraphBuilder(name)
  const options = pipelineOptions(builder, settings as PipelineSettings)
  if (typeof build !== 'function')
    return builder.fail(undefined, 'it has no function', 'pass p => { p.from(…)… }')
  const result: unknown = build({
    from: (topic: Topic, source?: SourceOptions) => from(builder, topic, source),
    table: (topic: Topic, options?: TableOptions) => table(builder, topic, options),
    globalTable: (topic: Topic, options?: GlobalTableOptions) => globalTable(builder, topic, options),
    join: (name: string, tables: JoinedTables, fn: unknown, options?: JoinTablesOptions<string>) =>
      joinedTables(builder, name, tables, fn, options?.optional ?? []),
  })
  if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function')
    builder.fail(undefined, 'its function is async', 'do what has to be awaited before pipeline(…)')
  const graph = builder.freeze(options)
  checkGraph(graph)
  return Object.freeze({ kind: 'pipeline', name, graph })
}

function pipelineOptions(builder: GraphBuilder, settings: PipelineSettings): PipelineOptions {
  const { commitInterval, maxFailureRate = 0.5 } = settings
  if (!(maxFailureRate >= 0 && maxFailureRate <= 1))
    builder.fail(undefined, `maxFailureRate is ${maxFailureRate}`, 'give a number from 0 to 1')
  return {
    commitIntervalMs:
      commitInterval === undefined
        ? undefined
        : toMs(commitInterval, `pipeline "${builder.pipeline}", commitInterval`),
    maxFailureRate,
  }
}

function from(builder: GraphBuilder, topic: Topic, options: SourceOptions = {}): SourceStream<any, any> {
  return sourceStream(builder, source(builder, topic, options, false))
}

function source(builder: GraphBuilder, topic: Topic, options: SourceOptions, isTable: boolean): Edge {
  checkSource(builder, topic)
  const draft = sourceDraft(topic, options, isTable)
  return sameSource(builder, draft) ?? builder.add(draft)
}

function table(builder: GraphBuilder, topic: Topic, options: TableOptions = {}): SourceTable<any, any> {
  const edge = source(builder, topic, { ...options, nulls: true, start: 'earliest' }, true)
  return sourceTable(builder, edge, options.name ?? storeNameOf(topic), options)
}

function globalTable(builder: GraphBuilder, topic: Topic, options: GlobalTableOptions = {}) {
  checkSource(builder, topic)
  const draft = sourceDraft(topic, { nulls: true, outOfRange: 'earliest' }, true)
  // Its rows count whatever their times are: nothing waits for them.
  const global = { ...draft, isGlobal: true, maxFutureMs: Number.POSITIVE_INFINITY }
  const source = sameSource(builder, global) ?? builder.add(global)
  return globalTableOf(builder, source, topic, options.name ?? storeNameOf(topic))
}

function storeNameOf(topic: Topic): string {
  return topic.name.replaceAll(/[^A-Za-z0-9_-]/g, '-').slice(0, 80)
}

function sourceDraft(topic: Topic, options: SourceOptions, isTable: boolean): Omit<SourceNode, 'id'> {
  const {
    outOfOrder = 0,
    watermark,
    idle = '5s',
    maxFuture = '1h',
    maxWait,
    maxDrift,
    nulls = false,
    start = 'earliest',
    outOfRange = 'fail',
  } = options
  const what = (option: string) => `topic "${topic.name}", ${option}`
  if (isTable && maxDrift !== undefined) refuseDrift(topic)
  if (watermark !== undefined) checkWatermark(topic, watermark, options.outOfOrder)
  return {
    kind: 'source',
    topic,
    watermark,
    outOfOrderMs: toMs(outOfOrder, what('outOfOrder')),
    idleMs: idle === 'never' ? Number.POSITIVE_INFINITY : toMs(idle, what('idle')),
    maxFutureMs: toMs(maxFuture, what('maxFuture')),
    maxWaitMs: maxWait === undefined ? Number.POSITIVE_INFINITY : toMs(maxWait, what('maxWait')),
    maxDriftMs: maxDrift === undefined ? Number.POSITIVE_INFINITY : toMs(maxDrift, what('maxDrift')),
    nulls,
    start: checkedStart(start, (message, wayOut) => new PlanError({ topic: topic.name }, message, wayOut)),
    outOfRange: checkedOutOfRange(topic.name, outOfRange),
    isTable,
    isGlobal: false,
    inputs: [],
  }
}

function checkWatermark(topic: Topic, watermark: unknown, outOfOrder: Duration | undefined): void {
  checkCallback(watermark, 'watermark', { topic: topic.name })
  if (outOfOrder !== undefined)
    throw new PlanError(
      { topic: topic.name },
      'it has both a watermark and outOfOrder, which each say how far event time is',
      'leave one of the two out',
    )
}

function refuseDrift(topic: Topic): never {
  throw new PlanError(
    { topic: topic.name },
    'it is read as a table and has a maxDrift, but tables are not paused: streams wait for what they hold',
    'give maxDrift to the streams',
  )
}

/** A pipeline has one position per topic partition, so it reads a topic once, one way. */
function checkedOutOfRange(topic: string, outOfRange: OutOfRange): OutOfRange {
  if (['fail', 'earliest', 'latest'].includes(outOfRange)) return outOfRange
  throw new PlanError({ topic }, `outOfRange is ${String(outOfRange)}`, "give 'fail', 'earliest' or 'latest'")
}

function sameSource(builder: GraphBuilder, draft: Omit<SourceNode, 'id'>): Edge | undefined {
  const other = builder.nodes.find(node => node.kind === 'source' && node.topic.name === draft.topic.name)
  if (other === undefined) return undefined
  const same = Object.entries(draft).every(
    ([option, value]) => option === 'inputs' || other[option as keyof typeof other] === value,
  )
  if (!same)
    builder.fail(
      draft.topic.name,
      'the topic is read twice with different options or declarations',
      'keep the stream of the first p.from(…) in a variable and use it twice',
    )
  return { from: other.id, port: 'out' }
}
