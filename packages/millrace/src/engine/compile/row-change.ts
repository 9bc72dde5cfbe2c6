import type { EmitNode, ToTopicNode } from '../../plan/graph.ts'
import { isFixed } from '../../window/window.ts'
import type { Column } from '../aggregates/column.ts'
import { fingerprint, settled, windowValue } from '../results.ts'
import type { StepPlan } from '../step-plan.ts'
import type { Code } from './code.ts'
import type { Path } from './path.ts'
import { updateWriterCode } from './row-writer.ts'
import { type Continue, failure, recordOf } from './steps.ts'

/** The sinks of an emission when all it does is write its rows as plain JSON. */
export type DirectSinks = (emit: EmitNode) => readonly ToTopicNode[] | undefined

export function tableCode(code: Code, { node }: StepPlan, step: string, start: string): string {
  const table = code.variable('table')
  const cached =
    node.window === undefined
      ? `${step}.lastTable`
      : `${start} === ${step}.lastSlot ? ${step}.lastTable : ${step}.tableFor(${start})`
  code.line(`const ${table} = ${cached}`)
  return table
}

/** Changes a key's row; `next` are the states that user's own aggregates have given. */
export function changeCode(
  code: Code,
  plan: StepPlan,
  step: string,
  start: string,
  table: string,
  values: readonly string[],
  next: readonly (string | undefined)[],
  path: Path,
  go: Continue,
  directSinks: DirectSinks,
): void {
  const row = code.variable('row')
  const size = code.variable('size')
  if (hasUpdates(plan)) code.line(`const ${size} = ${table}.size`)
  code.line(`const ${row} = ${table}.upsert(${path.kb}, ${path.ks}, ${path.ke})`)
  const before = resultsBeforeCode(code, plan, table, row)
  columnsCode(code, plan, table, row, values, next, path)
  if (plan.timeAt >= 0) {
    const at = `${table}.f64[${row} + ${plan.timeAt}]`
    code.line(`if (${path.t} > ${at}) ${at} = ${path.t}`)
  }
  code.line(`${table}.touch(${row})`)
  if (plan.untoldAt >= 0 || plan.emissions.some(({ flagAt }) => flagAt >= 0))
    code.line(`${step}.changed(${table}, ${row}, ${start}, ${path.t})`)
  const isNew = `${table}.size !== ${size}`
  updateEmissionCode(code, plan, table, row, start, before, isNew, path, go, directSinks)
}

/** Brings a record into the columns of a row. */
export function columnsCode(
  code: Code,
  plan: StepPlan,
  table: string,
  row: string,
  values: readonly string[],
  next: readonly (string | undefined)[],
  path: Path,
): void {
  plan.columns.forEach((column, i) => {
    const at = `${row} + ${plan.offsets[i]!}`
    if (next[i] === undefined) columnCode(code, column, at, table, values[i]!, path)
    else code.line(`${table}.objects[${table}.f64[${at}]] = ${next[i]}`)
  })
}

/** The same for several windows: the states of all of them, one column after the other. */
export function statesCode(
  code: Code,
  plan: StepPlan,
  step: string,
  start: string,
  eachWindow: string,
  path: Path,
): { readonly names: string; readonly at: string } {
  const names = code.variable('states')
  const at = code.variable('at')
  const ok = code.variable('ok')
  code.line(`const ${names} = []`)
  code.line(`let ${at} = 0, ${ok} = true`)
  code.line(eachWindow)
  const table = tableCode(code, plan, step, start)
  const found = code.variable('found')
  code.line(`const ${found} = ${table}.find(${path.kb}, ${path.ks}, ${path.ke})`)
  plan.columns.forEach((column, i) => {
    if (column.argument.kind !== 'value') return
    const add = customAdd(code, plan, column, i, found, table, path)
    code.line(
      `if (${ok}) try { ${names}.push(${add}) } catch (e) { ${ok} = ${failure(plan.node, 'e', path)} }`,
    )
  })
  code.line('}')
  code.line(`if (${ok}) {`)
  return { names, at }
}

/** The next state of a user's own aggregate. */
function customAdd(
  code: Code,
  plan: StepPlan,
  column: Column,
  i: number,
  found: string,
  table: string,
  path: Path,
): string {
  const initial = code.constant(column.object!.initial, 'initial')
  const state = `${found} === 0 ? ${initial}() : ${table}.objects[${table}.f64[${found} + ${plan.offsets[i]!}]]`
  const add = code.constant(column.updateObject, 'add')
  return `${code.constant(settled, 'settled')}(${add}(${state}, ${path.v}, ${recordOf(path)}))`
}

/**
 * Calls the user's own aggregates before anything is changed, so that one that throws leaves no trace; gives
 * the variable with each one's next state. The block it opens is of the records on which none threw.
 */
export function customCode(code: Code, plan: StepPlan, table: string, path: Path): (string | undefined)[] {
  const custom = plan.columns.map(column => (column.argument.kind === 'value' ? column : undefined))
  if (custom.every(column => column === undefined)) return custom as undefined[]
  const found = code.variable('found')
  const ok = code.variable('ok')
  code.line(`const ${found} = ${table}.find(${path.kb}, ${path.ks}, ${path.ke})`)
  code.line(`let ${ok} = true`)
  const names = custom.map((column, i) => {
    if (column === undefined) return undefined
    const next = code.variable('next')
    const add = customAdd(code, plan, column, i, found, table, path)
    code.line(`let ${next}`)
    code.line(`if (${ok}) try { ${next} = ${add} } catch (e) { ${ok} = ${failure(plan.node, 'e', path)} }`)
    return next
  })
  code.line(`if (${ok}) {`)
  return names
}

function columnCode(code: Code, column: Column, at: string, table: string, value: string, { t }: Path): void {
  const guard =
    column.argument.kind === 'number'
      ? `if (${value} !== undefined) `
      : column.argument.kind === 'where' && column.argument.fn !== undefined
        ? `if (${value}) `
        : ''
  if (column.updateObject === undefined) {
    code.line(`${guard}${code.constant(column.update, 'update')}(${table}.f64, ${at}, ${value})`)
    return
  }
  const place = `${table}.objects[${table}.f64[${at}]]`
  code.line(
    `${guard}${place} = ${code.constant(column.updateObject, 'updateObject')}(${place}, ${value}, ${t})`,
  )
}

function hasUpdates(plan: StepPlan): boolean {
  return plan.emissions.some(({ node }) => node.emission.kind === 'updates')
}

/** The results of a row before a record, where it matters whether they change. */
export function resultsBeforeCode(code: Code, plan: StepPlan, table: string, row: string): string[] {
  return hasUpdates(plan) ? resultsCode(code, plan, table, row) : []
}

/** Declares a variable per column with its result; used to see whether a record changed anything. */
function resultsCode(code: Code, plan: StepPlan, table: string, row: string): string[] {
  return plan.columns.map((column, i) => {
    const name = code.variable('was')
    code.line(
      `const ${name} = ${code.constant(fingerprint, 'fingerprint')}(${resultOf(code, column, `${row} + ${plan.offsets[i]!}`, table)})`,
    )
    return name
  })
}

export function resultOf(code: Code, column: Column, at: string, table: string): string {
  return `${code.constant(column.result, 'result')}(${table}.f64, ${at}, ${table}.objects)`
}

/** One update per record that changes the result (SEMANTICS 5.8); `isNews` is the text of what changes it in any case. */
export function updateEmissionCode(
  code: Code,
  plan: StepPlan,
  table: string,
  row: string,
  start: string,
  before: readonly string[],
  isNews: string,
  path: Path,
  go: Continue,
  directSinks: DirectSinks,
): void {
  if (!hasUpdates(plan)) return
  const now = resultsCode(code, plan, table, row)
  const differs = now.map((name, i) => `!Object.is(${before[i]!}, ${name})`)
  code.line(`if (${isNews} || ${differs.join(' || ')}) {`)
  const results = plan.columns.map((column, i) =>
    resultOf(code, column, `${row} + ${plan.offsets[i]!}`, table),
  )
  const t = `${table}.f64[${row} + ${plan.timeAt}]`
  for (const { node: emit } of plan.emissions.filter(({ node: each }) => each.emission.kind === 'updates')) {
    const sinks = directSinks(emit)
    if (sinks !== undefined && updateWriterCode(code, plan, sinks, results, path, t)) continue
    const v = code.variable('v')
    const key = `T.keyInWork(${path.kb}, ${path.ks}, ${path.ke})`
    code.line(`const ${v} = ${rowValueCode(code, plan, results, table, row, start, key)}`)
    go(emit, 'out', {
      ...path,
      v,
      raw: false,
      k: 'undefined',
      t,
      h: 'null',
      start: plan.node.window === undefined ? 'NaN' : start,
    })
  }
  code.line('}')
}

/** The end of a row's window, which begins at `start`. */
export function rowEndText(code: Code, plan: StepPlan, table: string, row: string, start: string): string {
  if (plan.eventWindow !== undefined) return `${table}.f64[${row} + ${plan.eventWindow.lastAt}]`
  if (plan.counted !== undefined) return `${table}.f64[${row} + ${plan.counted.lastAt}]`
  return endText(code, plan, start)
}

/** The end of the window that begins at `start`. */
export function endText(code: Code, { node, grid }: StepPlan, start: string): string {
  const window = node.window!
  return isFixed(window) ? `${start} + ${window.sizeMs}` : `${code.constant(grid, 'grid')}.endOf(${start})`
}

/** The value of a row that leaves the step (SEMANTICS 5.8). */
export function rowValueCode(
  code: Code,
  plan: StepPlan,
  results: readonly string[],
  table: string,
  row: string,
  start: string,
  key: string,
): string {
  const { window } = plan.node
  const frame =
    window === undefined
      ? ''
      : `key: ${key}, start: ${start}, end: ${rowEndText(code, plan, table, row, start)}`
  if (plan.node.result === 'value') {
    return window === undefined
      ? results[0]!
      : `${code.constant(windowValue, 'windowValue')}(${results[0]!}, { ${frame} })`
  }
  const columns = plan.columns.map((column, i) => `[${JSON.stringify(column.name)}]: ${results[i]!}`)
  return `{ ${[...columns, frame].filter(Boolean).join(', ')} }`
}
