import type { Graph, TableJoinNode } from '../../plan/graph.ts'
import { tableOf } from '../../plan/walk.ts'
import type { KeyKind } from '../../serde/serde.ts'
import type { AggregateStep } from '../aggregate-step.ts'
import { StepFailure } from '../failures.ts'
import { isOut, isThenable, thenableFailure } from '../results.ts'
import { rowResult } from '../row-result.ts'
import type { StatefulStep } from '../stateful-step.ts'
import type { Task } from '../task.ts'
import { TableStep } from './table-step.ts'

/** The value under a key in whatever keeps a table, of a time where it has versions; undefined where there is none. */
export function rowOf(
  step: StatefulStep,
  key: Buffer,
  keyStart: number,
  keyEnd: number,
  t?: number,
): unknown {
  if (step instanceof TableStep) return step.valueOf(key, keyStart, keyEnd, t)
  const { plan } = step as AggregateStep
  const found = (step as AggregateStep).find(undefined, key, keyStart, keyEnd)
  return found === undefined ? undefined : rowResult(plan, found.table, found.row, 0, undefined)
}

/** The time of the value under a key; -∞ where there is none. */
function rowTime(step: StatefulStep, key: Buffer, keyStart: number, keyEnd: number): number {
  if (step instanceof TableStep) return step.timeOf(key, keyStart, keyEnd)
  const found = (step as AggregateStep).find(undefined, key, keyStart, keyEnd)
  if (found === undefined) return Number.NEGATIVE_INFINITY
  return found.table.f64[found.row + (step as AggregateStep).plan.timeAt]!
}

/** Whether keys of that kind may be looked up; a table without keys has none of any kind (SEMANTICS 5.1). */
export function hasKeysOf(step: StatefulStep, kind: KeyKind | 0): boolean {
  return step.kind === 0 || step.kind === kind
}

/** The steps that keep the tables of a join, in the order of its sides. */
export function sidesOf(graph: Graph, node: TableJoinNode): number[] {
  return node.inputs.map(edge => tableOf(graph, edge).id)
}

/** When a row of a join comes to be: the latest time of those it is made of. */
export function joinedTime(
  task: Task,
  sides: readonly number[],
  key: Buffer,
  keyStart: number,
  keyEnd: number,
  t: number,
): number {
  return sides.reduce((time, side) => Math.max(time, rowTime(task.steps[side]!, key, keyStart, keyEnd)), t)
}

/** What a callback gave as the row of a table; throws where that cannot be one. */
export function checkedRow(row: unknown): unknown {
  if (row === undefined)
    throw new StepFailure(
      'undefined',
      'The callback returned undefined; return the row, or null to leave the key without one',
    )
  if (isOut(row))
    throw new StepFailure(
      'key-changed',
      'The callback returned out(…), but the rows of a table keep their keys; use updates() and map for records of their own',
    )
  if (isThenable(row)) throw thenableFailure(row)
  return row
}
