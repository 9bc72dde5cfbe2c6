import type { PlanNode } from '../plan/graph.ts'
import type { KeyTable } from '../state/key-table.ts'
import type { EmittingStep } from './emitting-step.ts'
import type { Task } from './task.ts'
import type { TaskInput } from './task-input.ts'

/** Whether what comes of a step's records leaves it by itself, through `Program.outs`. */
export function givesOnLater({ kind }: PlanNode): boolean {
  return kind === 'hold' || kind === 'asyncMap'
}

/** Why a run over a batch stopped. */
export const RunStop = {
  /** The batch is used up. */
  batchEnd: 0,
  /** The next record comes after the bound: another input goes first. */
  bound: 1,
  /** Windows are being closed and the slice is used up. */
  closing: 2,
  /** A callback waits for its next attempt (SEMANTICS 7.2). */
  parked: 3,
  /** Too many asynchronous calls are outstanding. */
  full: 4,
} as const
export type RunStop = (typeof RunStop)[keyof typeof RunStop]

/**
 * A place in the graph and what arrives there. The key is the bytes `[ks, ke)` of `kb` (`ks` -1: none)
 * unless `k` replaces it; `h` undefined means the headers of the source record in work, null none,
 * otherwise a raw header section.
 */
export type Arrival = (
  task: Task,
  v: unknown,
  kb: Buffer,
  ks: number,
  ke: number,
  k: unknown,
  t: number,
  h: Uint8Array | null | undefined,
  /** Start of the window that an update belongs to; absent or NaN elsewhere. */
  start?: number,
) => void

/** What arrives, without the task. */
export type ArrivalArguments = Parameters<Arrival> extends [unknown, ...infer Rest] ? Rest : never

/** The entry of a wired side stream, for the two kinds of values that come in. */
export interface SideArrival {
  /** The value is that of the record in work, whose bytes the cursor still holds. */
  readonly read: Arrival
  /** The value stands for itself. */
  readonly made: Arrival
}

/** Sends one row of an aggregate down an emission; `t` is the record time. */
export type RowArrival = (
  task: Task,
  step: EmittingStep,
  table: KeyTable,
  row: number,
  start: number,
  t: number,
) => void

/** Sends the result of two records that meet in a join on its way, or of one that goes out alone; `t` is the result's time. */
export type PairArrival = (
  task: Task,
  left: unknown,
  right: unknown,
  kb: Buffer,
  ks: number,
  ke: number,
  t: number,
) => void

/**
 * What a sub-topology does with records; made by the interpreter or the compiler, shared by all its tasks on
 * one thread. Both give the same results (SEMANTICS 4.1).
 */
export interface Program {
  readonly kind: 'compiled' | 'interpreted'
  /** Processes the open batch of `input` up to and including records at `until`. */
  run(task: Task, input: TaskInput, until: number): RunStop
  /** By id of the emit node. */
  readonly rows: ReadonlyMap<number, RowArrival>
  /** By id of a join of streams. */
  readonly pairs: ReadonlyMap<number, PairArrival>
  /** What is behind a step that gives records on later, by its id. */
  readonly outs: ReadonlyMap<number, Arrival>
  /** Re-entry at a callback with a retry policy, by node id. */
  readonly retries: ReadonlyMap<number, Arrival>
  /** Wired side streams, by `<node id>:<port>`. */
  readonly sides: ReadonlyMap<string, SideArrival>
}
