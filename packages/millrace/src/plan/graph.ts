/**
 * The frozen graph of a pipeline: plain data that the engine compiles, the interpreter executes, the
 * reference model folds, and `describe` draws. It knows no execution.
 *
 * Nodes stand in the order the user wrote them, so a node's inputs always have smaller ids.
 */
import type { CountWindow } from '../window/count-window.ts'
import type { Cron } from '../window/cron.ts'
import {
  type EventWindow,
  type GridWindow,
  hasGrid,
  hasRowPerWindow,
  isOfEvents,
  type WindowSpec,
} from '../window/window.ts'
import type { Topic } from './topic.ts'

export type { CountWindow, Cron }
export { type EventWindow, type GridWindow, hasGrid, hasRowPerWindow, isOfEvents, type WindowSpec }

/** A field of the value by its name, or a callback that computes it (SEMANTICS 5.3). */
export type FieldOrFn = string | ((value: any, record: any) => unknown)

/**
 * Which output of a node an edge takes. `out` is the main one; a branch has one port per case, named
 * `case:<name>`, a process step one per side output, `side:<name>`; `rows` is a table that is looked up, on which no records go,
 * `changes` has what its rows were and what they are; the others are side streams.
 */
export type Port =
  | 'out'
  | 'late'
  | 'rejected'
  | 'failed'
  | 'tombstones'
  | 'rows'
  | 'changes'
  | `case:${string}`
  | `side:${string}`

export interface Edge {
  readonly from: number
  readonly port: Port
}

/** How often a throwing callback is called again before its record goes to `.failed`. */
export interface RetryPolicy {
  /** Further calls after the first one. */
  readonly retries: number
  readonly backoffMs: number
}

/** How the calls of an `asyncMap` that failed are made again. */
export interface CallRetry extends RetryPolicy {
  /** Set where each back-off is twice the one before: the longest one. */
  readonly maxBackoffMs?: number
  /** Which errors are worth another call; all where absent. */
  readonly when?: (error: unknown, attempt: number) => boolean
}

interface NodeOf<K extends string> {
  readonly kind: K
  readonly id: number
  readonly inputs: readonly Edge[]
  /** The user's name of the step; what `describe`, errors and metrics call it. Stateless steps may have none. */
  readonly name?: string
}

interface Callback {
  readonly fn: (value: any, record: any) => any
  readonly retry?: RetryPolicy
}

/** What a source does whose position is gone from the log: stop the pipeline, or go on at one end, which leaves records out. */
export type OutOfRange = 'fail' | 'earliest' | 'latest'

export interface SourceNode extends NodeOf<'source'> {
  readonly topic: Topic
  readonly outOfOrderMs: number
  /** Says with a record before which time no further one is expected, or nothing; absent: `outOfOrderMs` does. */
  readonly watermark?: (value: any, timestamp: number) => unknown
  /** `Infinity` is `idle: 'never'`. */
  readonly idleMs: number
  readonly maxFutureMs: number
  /** How long a task with several inputs waits for one that has nothing buffered; `Infinity` by default (SEMANTICS 6.1). */
  readonly maxWaitMs: number
  /** How far a partition may be ahead of the slowest one before it is paused; `Infinity` by default (SEMANTICS 3.8). */
  readonly maxDriftMs: number
  /** Tombstones go to the callbacks as null instead of to `.tombstones`. */
  readonly nulls: boolean
  /** Where a group without a position begins: an offset rule, or a time in ms since the epoch. */
  readonly start: 'earliest' | 'latest' | number
  /** What happens when the log does not hold the position any more. */
  readonly outOfRange: OutOfRange
  /** Its records are the rows of a table: they come before those of streams (SEMANTICS 6.2). */
  readonly isTable: boolean
  /** Every task that uses its records reads all of its partitions, from their beginnings at each start (SEMANTICS 6.4). */
  readonly isGlobal: boolean
}
export interface FilterNode extends NodeOf<'filter'>, Callback {}
/** The callback's result is the new value, or `out(value, { key, headers, timestamp })`. */
export interface MapNode extends NodeOf<'map'>, Callback {}
/** The callback returns an iterable of values or `out(...)` results. */
export interface FlatMapNode extends NodeOf<'flatMap'>, Callback {}
export interface PeekNode extends NodeOf<'peek'>, Callback {}

/** Re-keys through the logical topic `<app>.<pipeline>.<name>.repartition` (SEMANTICS 1.5, 3.3). */
export interface KeyByNode extends NodeOf<'keyBy'> {
  readonly name: string
  readonly key: FieldOrFn
  /** Fixed at first start; undefined: the largest input partition count. */
  readonly partitions?: number
  /** Granularity of the carried watermark. */
  readonly watermarkMs: number
}
/** Uses the record's own key; no repartition. */
export interface ByKeyNode extends NodeOf<'byKey'> {}

/** The first case whose callback is true takes the record; `otherwise` (port `case:otherwise`) takes the rest. */
export interface BranchNode extends NodeOf<'branch'> {
  readonly cases: readonly { readonly name: string; readonly fn: (value: any, record: any) => boolean }[]
}
export interface MergeNode extends NodeOf<'merge'> {}

/** One column of an aggregate's result. */
export type Aggregator =
  | { readonly kind: 'count'; readonly where?: (value: any, record: any) => boolean }
  | { readonly kind: 'sum' | 'min' | 'max' | 'avg'; readonly field: FieldOrFn }
  | { readonly kind: 'first' | 'last' | 'countDistinct'; readonly field: FieldOrFn }
  | { readonly kind: 'collect'; readonly field: FieldOrFn; readonly max: number }
  | {
      readonly kind: 'quantile'
      readonly field: FieldOrFn
      readonly q: number
      readonly relativeAccuracy: number
    }
  | CustomAggregator

/**
 * A user's own aggregate. `add` returns the next state and may mutate the one it got. The state must
 * survive `JSON.stringify`, or come with `encode` and `decode`.
 */
export interface CustomAggregator {
  readonly kind: 'custom'
  readonly init: () => unknown
  readonly add: (state: any, value: any, record: any) => unknown
  readonly merge?: (a: any, b: any) => unknown
  readonly remove?: (state: any, value: any, record: any) => unknown
  readonly result?: (state: any) => unknown
  readonly encode?: (state: any) => unknown
  readonly decode?: (stored: any) => unknown
  readonly version: number
  readonly migrate?: (old: any, from: number) => unknown
  /** The first value becomes the state as it is: `reduce` without `init`. */
  readonly keepsFirst?: true
}

export interface AggregateNode extends NodeOf<'aggregate'> {
  readonly name: string
  /** Column name to aggregator, in the order written. `reduce` is one custom column named `value`. */
  readonly columns: readonly { readonly name: string; readonly aggregator: Aggregator }[]
  readonly window?: WindowSpec
  /** `row`: the result is an object of the columns. `value`: `reduce`, the result is the column `value` itself. */
  readonly result: 'row' | 'value'
}

/** A named part of the state that a process step keeps under each key. Its contents survive `JSON.stringify`, or come with `encode` and `decode`. */
export interface StateSpec {
  readonly name: string
  readonly kind: 'value' | 'list' | 'map'
  /** How long after its last write an entry is kept, in event time; for ever where absent. */
  readonly ttlMs?: number
  readonly encode?: (value: any) => unknown
  readonly decode?: (stored: any) => unknown
  readonly version: number
  readonly migrate?: (old: any, from: number) => unknown
}

/** A callback over the records of each key, with state and timers of the key. It returns results as `flatMap` does, or undefined. */
export interface ProcessNode extends NodeOf<'process'> {
  readonly name: string
  readonly fn: (value: any, context: any) => unknown
  readonly onTimer?: (context: any) => unknown
  readonly states: readonly StateSpec[]
  /** Names of its side outputs. */
  readonly sides: readonly string[]
  /** What its callbacks call the global tables they see: those on its inputs behind the first one, on the port `rows`. */
  readonly broadcast: readonly string[]
  /** How much older than their timers results may be: what is behind is held back by it (SEMANTICS 3.2). */
  readonly holdBackMs: number
  /** Behind the end of the input no timer fires that is later than the latest record, whoever set it. */
  readonly timersEnd?: true
  readonly retry?: RetryPolicy
}

/**
 * When an aggregate's results leave it. `final` needs a window. `every` gives changed rows, by the wall
 * clock, at times of a schedule, or at watermark multiples (SEMANTICS 5.8).
 */
export type Emission =
  | {
      readonly kind: 'final'
      readonly order?: 'key'
      /** How long after its grace a window still takes records, each of which gives its row again; 0 where it is left out. */
      readonly allowedLatenessMs?: number
    }
  | { readonly kind: 'updates' }
  /** A row with every so many records of its key; `reset` makes it begin again behind that. */
  | { readonly kind: 'count'; readonly records: number; readonly reset: boolean }
  /** A row when `predicate` holds for it: the first time, or with `again` each time after it did not hold. */
  | { readonly kind: 'when'; readonly predicate: (row: any) => unknown; readonly again: boolean }
  | { readonly kind: 'every'; readonly everyMs: number; readonly time: 'wall' | 'event' }
  | { readonly kind: 'every'; readonly schedule: Cron; readonly time: 'wall' }

export interface EmitNode extends NodeOf<'emit'> {
  readonly emission: Emission
}

/** Whether rows of windows leave under their keys and starts, for a later one takes the place of an earlier one (SEMANTICS 5.8). */
export function replacesRows({ kind }: Emission): boolean {
  return kind === 'updates' || kind === 'every'
}

/** Makes the rows of one table from those of another. */
export interface RowSelection extends Callback {
  readonly kind: 'filter' | 'map'
}

/**
 * The latest value of each key; a null value deletes its row. What leaves it are the changes of its rows: a value, or null for a
 * row that is gone.
 */
export interface TableNode extends NodeOf<'table'> {
  readonly name: string
  /** Absent: rows are the values as they come. */
  readonly selection?: RowSelection
  /** How long a row is known after another one has taken its place, in event time; absent: only the latest is. */
  readonly versionsMs?: number
}

/** The latest value of each key of a global topic, in every task that looks something up in it. No record leaves it. */
export interface GlobalTableNode extends NodeOf<'globalTable'> {
  readonly name: string
  readonly topic: Topic
}

/** One of the tables of a join. */
export interface JoinSide {
  /** How the callback gets its row; joins of two pass rows one by one. */
  readonly name?: string
  /** Without a row of it there is no result. */
  readonly isRequired: boolean
}

/** A table with a row for each key that the tables it joins have: of all required ones, and of one at least. */
export interface TableJoinNode extends NodeOf<'tableJoin'> {
  readonly name: string
  readonly sides: readonly JoinSide[]
  readonly fn: (...rows: any[]) => unknown
}

/** Calls its function with a record and the row of its key. The second input is the table, on the port `rows`. */
export interface LookupNode extends NodeOf<'lookup'>, Callback {
  readonly how: 'inner' | 'left'
  /** Of a global table: the key of the row; elsewhere it is that of the record. */
  readonly key?: FieldOrFn
}

/** Holds records until the watermark has passed their times. */
export interface HoldNode extends NodeOf<'hold'> {
  readonly name: string
}

/**
 * Joins records of two streams under one key: those whose times lie within an interval, the right one's seen from the left one's. Its
 * result has the later of the two times.
 */
export interface StreamJoinNode extends NodeOf<'streamJoin'> {
  readonly name: string
  readonly how: 'inner' | 'left' | 'outer'
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
  readonly fn: (left: any, right: any, record: any) => unknown
}

/**
 * Replaces each value by what a call gives that takes its time (SEMANTICS 7.4). The records whose calls are under way are its
 * store; what groups behind it does so through a `keyBy`.
 */
export interface AsyncMapNode extends NodeOf<'asyncMap'> {
  readonly name: string
  readonly fn: (value: any, call: any) => unknown
  /** Calls at once in one task. */
  readonly concurrency: number
  readonly timeoutMs: number
  /** `key`: the results of a key leave in the order of their records. `none`: each as soon as it is there. */
  readonly order: 'key' | 'none'
  readonly retry?: CallRetry
}

export interface ToTopicNode extends NodeOf<'to'> {
  readonly topic: Topic
}
/** Appends NDJSON lines; at-least-once. */
export interface ToFileNode extends NodeOf<'toFile'> {
  readonly path: string
}
/** Hands a line of text to the app's `print` (the CLI's standard output, the logger otherwise); at-least-once. */
export interface PrintNode extends NodeOf<'print'> {
  readonly format?: (value: any, record: any) => string
}
/** May be async: awaited before the offset is committed, order per partition kept; at-least-once. */
export interface ForEachNode extends NodeOf<'forEach'>, Callback {
  readonly concurrency: number
  readonly timeoutMs: number
}

export type PlanNode =
  | SourceNode
  | FilterNode
  | MapNode
  | FlatMapNode
  | PeekNode
  | KeyByNode
  | ByKeyNode
  | BranchNode
  | MergeNode
  | AggregateNode
  | ProcessNode
  | EmitNode
  | TableNode
  | GlobalTableNode
  | TableJoinNode
  | LookupNode
  | StreamJoinNode
  | HoldNode
  | AsyncMapNode
  | ToTopicNode
  | ToFileNode
  | PrintNode
  | ForEachNode

export interface Graph {
  /** The pipeline's name; prefix of everything it owns outside the process (SEMANTICS 1.4). */
  readonly name: string
  readonly nodes: readonly PlanNode[]
  readonly options: PipelineOptions
}

export interface PipelineOptions {
  /** Longest time between commits; shorter when the inputs are drained (SEMANTICS 2.5). Undefined goes by the run. */
  readonly commitIntervalMs: number | undefined
  /** A task stops when more than this share of its last 100 or more records failed (SEMANTICS 7.1). */
  readonly maxFailureRate: number
}
