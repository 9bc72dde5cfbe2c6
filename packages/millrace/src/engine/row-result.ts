import type { KeyTable } from '../state/key-table.ts'
import { windowValue } from './results.ts'
import type { StepPlan } from './step-plan.ts'

/** The result of one column of a row. */
export function resultAt(plan: StepPlan, table: KeyTable, row: number, i: number): unknown {
  return plan.columns[i]!.result(table.f64, row + plan.offsets[i]!, table.objects)
}

/** The value of a row that leaves the step (SEMANTICS 5.8). */
export function rowResult(
  plan: StepPlan,
  table: KeyTable,
  row: number,
  start: number,
  key: unknown,
): unknown {
  const { node } = plan
  const isValue = node.result === 'value'
  const result = isValue
    ? resultAt(plan, table, row, 0)
    : Object.fromEntries(plan.columns.map(({ name }, i) => [name, resultAt(plan, table, row, i)]))
  if (node.window === undefined) return result
  const lastAt = (plan.eventWindow ?? plan.counted)?.lastAt
  const end = lastAt === undefined ? plan.grid!.endOf(start) : table.f64[row + lastAt]
  return windowValue(result, { key, start, end })
}
