import { settled } from '../results.ts'
import type { CountWindowPlan, StepPlan } from '../step-plan.ts'
import type { Code } from './code.ts'
import type { Path } from './path.ts'
import { columnsCode, resultOf, rowValueCode } from './row-change.ts'
import { type Continue, failure, recordOf } from './steps.ts'

/** Brings a record into each of its key's open windows; one that it makes full goes out at once. */
export function countWindowCode(
  code: Code,
  plan: StepPlan,
  counted: CountWindowPlan,
  step: string,
  values: readonly string[],
  path: Path,
  go: Continue,
): void {
  const [row, at, slot] = [code.variable('row'), code.variable('at'), code.variable('slot')]
  const key = `${path.kb}, ${path.ks}, ${path.ke}`
  code.line(`${step}.probe(${key})`)
  const states = statesCode(code, plan, step, path)
  code.line(`const ${row} = ${step}.place(${key})`)
  code.line(`for (const ${slot} of ${step}.slots) {`)
  code.line(`const ${at} = ${row} + ${slot}`)
  const next = plan.columns.map(({ argument }) =>
    argument.kind === 'value' ? `${states!.names}[${states!.next}++]` : undefined,
  )
  columnsCode(code, plan, `${step}.table`, at, values, next, path)
  code.line(`if (${step}.fills(${at}, ${path.t})) {`)
  fullCode(code, plan, counted, step, at, path, go)
  code.line('} }')
  if (states !== undefined) code.line('}')
}

/** Takes the result of a full window, makes its slot empty and hands the result on. */
function fullCode(
  code: Code,
  plan: StepPlan,
  { startAt, lastAt }: CountWindowPlan,
  step: string,
  at: string,
  path: Path,
  go: Continue,
): void {
  const [v, start, last, ok] = ['v', 'start', 'last', 'ok'].map(name => code.variable(name)) as string[]
  const table = `${step}.table`
  code.line(`const ${start} = ${table}.f64[${at} + ${startAt}], ${last} = ${table}.f64[${at} + ${lastAt}]`)
  const results = plan.columns.map((column, i) =>
    resultOf(code, column, `${at} + ${plan.offsets[i]!}`, table),
  )
  const key = `T.keyInWork(${path.kb}, ${path.ks}, ${path.ke})`
  const value = rowValueCode(code, plan, results, table, at, start!, key)
  code.line(`let ${v}, ${ok} = true`)
  code.line(`try { ${v} = ${value} } catch (e) { ${ok} = ${failure(plan.node, 'e', path)} }`)
  code.line(`${step}.empty(${at})`)
  code.line(`if (${ok}) {`)
  for (const { node } of plan.emissions)
    go(node, 'out', { ...path, v: v!, raw: false, k: 'undefined', t: last!, h: 'null', start: 'NaN' })
  code.line('}')
}

/**
 * The next states of the user's own aggregates in every slot, one column after the other, where there are any; the block that it opens is of
 * the records on which none threw.
 */
function statesCode(
  code: Code,
  plan: StepPlan,
  step: string,
  path: Path,
): { readonly names: string; readonly next: string } | undefined {
  if (!plan.columns.some(({ argument }) => argument.kind === 'value')) return undefined
  const [names, next, ok, slot] = ['states', 'next', 'ok', 'slot'].map(name =>
    code.variable(name),
  ) as string[]
  code.line(`const ${names} = []`)
  code.line(`let ${next} = 0, ${ok} = true`)
  code.line(`for (const ${slot} of ${step}.slots) {`)
  plan.columns.forEach(({ argument, updateObject }, i) => {
    if (argument.kind !== 'value') return
    const add = `${code.constant(updateObject, 'add')}(${step}.stateOf(${slot}, ${i}), ${path.v}, ${recordOf(path)})`
    const push = `${names}.push(${code.constant(settled, 'settled')}(${add}))`
    code.line(`if (${ok}) try { ${push} } catch (e) { ${ok} = ${failure(plan.node, 'e', path)} }`)
  })
  code.line('}')
  code.line(`if (${ok}) {`)
  return { names: names!, next: next! }
}
