import { hasRowPerWindow } from '../../window/window.ts'
import { settled } from '../results.ts'
import type { EventWindowPlan, StepPlan } from '../step-plan.ts'
import type { Code } from './code.ts'
import type { Path } from './path.ts'
import { columnsCode, type DirectSinks, resultsBeforeCode, updateEmissionCode } from './row-change.ts'
import { type Continue, failure, recordOf } from './steps.ts'

/** Brings a record that is in time into its window: everything that can fail first, then the change. */
export function eventWindowCode(
  code: Code,
  plan: StepPlan,
  { window, startAt }: EventWindowPlan,
  step: string,
  values: readonly string[],
  path: Path,
  go: Continue,
  directSinks: DirectSinks,
): void {
  const row = code.variable('row')
  const table = code.variable('table')
  const key = `${path.kb}, ${path.ks}, ${path.ke}, ${path.t}`
  code.line(`${step}.probe(${key})`)
  const next = customStatesCode(code, plan, step, path)
  code.line(`const ${row} = ${step}.place(${key}), ${table} = ${step}.table`)
  // Windows that are put together from parts are told of by the step.
  const isOne = hasRowPerWindow(window)
  const before = isOne ? resultsBeforeCode(code, plan, table, row) : []
  columnsCode(code, plan, table, row, values, next, path)
  code.line(`${step}.settle(${row})`)
  if (isOne) {
    const start = code.variable('start')
    code.line(`const ${start} = ${table}.f64[${row} + ${startAt}]`)
    updateEmissionCode(code, plan, table, row, start, before, `${step}.grew`, path, go, directSinks)
  }
  if (next.some(state => state !== undefined)) code.line('}')
}

/**
 * The next states of the user's own aggregates, where there are any; the block that it opens is of the records on which none threw.
 */
function customStatesCode(code: Code, plan: StepPlan, step: string, path: Path): (string | undefined)[] {
  if (!plan.columns.some(({ argument }) => argument.kind === 'value')) return []
  const ok = code.variable('ok')
  code.line(`let ${ok} = true`)
  const names = plan.columns.map(({ argument, updateObject }, i) => {
    if (argument.kind !== 'value') return undefined
    const next = code.variable('next')
    const add = `${code.constant(updateObject, 'add')}(${step}.stateOf(${i}), ${path.v}, ${recordOf(path)})`
    const state = `${code.constant(settled, 'settled')}(${add})`
    code.line(`let ${next}`)
    code.line(`if (${ok}) try { ${next} = ${state} } catch (e) { ${ok} = ${failure(plan.node, 'e', path)} }`)
    return next
  })
  code.line(`if (${ok}) {`)
  return names
}
