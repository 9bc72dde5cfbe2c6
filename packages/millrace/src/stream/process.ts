import type { Edge, ProcessNode, RetryPolicy, StateSpec } from '../plan/graph.ts'
import type { GraphBuilder } from '../plan/graph-builder.ts'
import type { Out } from '../plan/out.ts'
import type {
  BroadcastRows,
  ListState,
  MapState,
  MapStateKey,
  ProcessContext,
  TimerContext,
  ValueState,
} from '../plan/process.ts'
import { checkProcess } from '../plan/process-checks.ts'
import type { DeepReadonly } from '../plan/readonly.ts'
import { type Duration, toMs } from '../std/duration.ts'
import type { KeyOf, RetryOptions, ValueOf } from './callback-types.ts'
import { globalRowsOf } from './global-table.ts'
import { GraphEdge } from './graph-edge.ts'
import type { Stream } from './stream.ts'
import type { GlobalTable } from './table.ts'

/** A state of a process step: what its callback gets for it (`H`). Made by `state.value`, `state.list` and `state.map`. */
export interface State<out H> {
  readonly spec: Omit<StateSpec, 'name'>
  /** Phantom, for inference only. */
  readonly types?: H
}

/** How the contents of a state are kept and stored. */
export interface StateOptions<T> {
  /** How long after its last write, in event time, a value, item or entry is kept; for ever by default. */
  readonly ttl?: Duration
  /** For what does not survive `JSON.stringify`. */
  readonly encode?: (value: T) => unknown
  readonly decode?: (stored: any) => T
  /** Raise it when the shape changes; `migrate` then gets what older ones wrote. 1 by default. */
  readonly version?: number
  readonly migrate?: (old: any, from: number) => T
}

/** The states of a process step, by name. */
export type States = Readonly<Record<string, State<unknown>>>

/** What a callback gets for each of the states. */
export type StateHandles<S> = { readonly [P in keyof S]: S[P] extends State<infer H> ? H : never }

/**
 * Kinds of state that a process step keeps under each key.
 *
 * @example
 * orders.process('totals', { state: { total: state.value<number>() } }, (order, { state }) => {
 *   state.total.set((state.total.get() ?? 0) + order.amount)
 * })
 */
export const state = Object.freeze({
  /** One value. */
  value: <T>(options: StateOptions<T> = {}): State<ValueState<T>> => stateOf('value', options),
  /** Items in order. */
  list: <T>(options: StateOptions<T> = {}): State<ListState<T>> => stateOf('list', options),
  /** Entries by keys of their own, in the order they came. */
  map: <K extends MapStateKey, T>(options: StateOptions<T> = {}): State<MapState<K, T>> =>
    stateOf('map', options),
})

function stateOf<H>(kind: StateSpec['kind'], options: StateOptions<any>): State<H> {
  const { ttl, version = 1, ...codec } = options
  const ttlMs = ttl === undefined ? undefined : toMs(ttl, `state.${kind}, ttl`)
  return Object.freeze({ spec: { kind, version, ttlMs, ...codec } })
}

/** A side output of a process step with values of type `T`; made by `side`. */
export interface SideOutput<out T> {
  /** Phantom, for inference only. */
  readonly types?: T
}

/** The side outputs of a process step, by name. */
export type SideOutputs = Readonly<Record<string, SideOutput<unknown>>>

/** Declares a side output; the callback sends to it with `context.side`, and its stream is in `.sides`. */
export function side<T>(): SideOutput<T> {
  return Object.freeze({})
}

type SideValues<O> = { readonly [P in keyof O]: O[P] extends SideOutput<infer T> ? T | Out<T, any> : never }
type SideValue<O> = O extends SideOutput<infer T> ? T : never

/** Global tables that a process step sees, by the names it calls them. */
export type Broadcast = Readonly<Record<string, GlobalTable<any, any>>>

/** What a callback gets for each of the global tables. */
export type BroadcastTables<B> = {
  readonly [P in keyof B]: B[P] extends GlobalTable<infer R, infer K> ? BroadcastRows<R, K> : never
}

/** What a process step keeps, and when else it is called. */
export interface ProcessOptions<K, S, O, T, B = {}> {
  readonly state?: S
  readonly sides?: O
  /** Global tables whose rows the callbacks see, all of them in every task, such as rules that change at run time. */
  readonly broadcast?: B
  /** Called when a timer of a key fires; returns results as the callback does. */
  readonly onTimer?: (
    context: TimerContext<K, StateHandles<S>, SideValues<O>, BroadcastTables<B>>,
  ) => Iterable<T> | undefined
  /**
   * How much older than its timer a result's time may be; 0 by default. Event time behind the step is held back by
   * it, so that such results are not late there.
   */
  readonly holdBack?: Duration
  readonly retry?: RetryOptions
}

/** The callback of a process step: it returns any number of results, as `flatMap` does, or undefined for none. */
export type ProcessCallback<V, K, S, O, R, B = {}> = (
  value: DeepReadonly<V>,
  context: ProcessContext<K, StateHandles<S>, SideValues<O>, BroadcastTables<B>>,
) => Iterable<R> | undefined

/** What leaves a process step. */
export interface ProcessResults<R, T, K, V, O>
  extends Stream<ValueOf<R> | ValueOf<T>, KeyOf<R, K> | KeyOf<T, K>, V> {
  /** The side outputs. One that nothing reads goes nowhere. */
  readonly sides: { readonly [P in keyof O]: Stream<SideValue<O[P]>, K> }
}

/** The global tables a process step was given, by name; throws where one is something else. */
export function broadcastEdges(
  from: GraphEdge,
  step: string,
  tables: unknown = {},
): Readonly<Record<string, Edge>> {
  if (typeof tables !== 'object' || tables === null || tables instanceof GraphEdge)
    from.builder.fail(step, 'its broadcast tables have no names', 'name them: broadcast: { rules: table }')
  const named = Object.entries(tables)
  return Object.fromEntries(named.map(([name, table]) => [name, globalRowsOf(from, step, table)]))
}

/** The node of a process step that follows `input`, and sees the global tables of `broadcast`. */
export function processNode(
  builder: GraphBuilder,
  input: Edge,
  name: string,
  options: ProcessOptions<any, States, SideOutputs, unknown, unknown>,
  fn: (...args: any[]) => unknown,
  retry: RetryPolicy | undefined,
  broadcast: Readonly<Record<string, Edge>> = {},
): Omit<ProcessNode, 'id'> {
  const { state: states = {}, sides = {}, onTimer, holdBack = 0 } = options
  const node = {
    kind: 'process',
    name,
    fn,
    onTimer,
    states: Object.entries(states).map(([each, { spec }]) => ({ ...spec, name: each })),
    sides: Object.keys(sides),
    broadcast: Object.keys(broadcast),
    holdBackMs: toMs(holdBack, `process "${name}", holdBack`),
    retry,
    inputs: [input, ...Object.values(broadcast)],
  } as const
  checkProcess(builder, node)
  return node
}
