import type { EmitNode, ToTopicNode } from '../../plan/graph.ts'
import { isBroken } from '../../std/broken-rules.ts'
import type { Argument, Column } from '../aggregates/column.ts'
import {
  fingerprint,
  isTrue,
  keyChangedFailure,
  keyKindFailure,
  noKeyFailure,
  notANumber,
  settled,
  windowValue,
} from '../results.ts'
import type { StepPlan } from '../step-plan.ts'
import type { Code } from './code.ts'
import { argumentsOf, type Path } from './path.ts'
import { updateWriterCode } from './row-writer.ts'
import { type Continue, callOf, failure, fieldCode, recordOf } from './steps.ts'

const raisesFirst = isBroken('3.2')

/** The sinks of an emission when all it does is write its rows as plain JSON. */
type DirectSinks = (emit: EmitNode) => readonly ToTopicNode[] | undefined

/**
 * The update of an aggregate by one record: check the key, judge lateness, compute every argument, then
 * change the row. Nothing is changed before everything that can fail has been done.
 */
export function aggregateCode(
  code: Code,
  plan: StepPlan,
  path: Path,
  go: Continue,
  directSinks: DirectSinks,
): void {
  const { node } = plan
  const step = code.variable('S')
  const ok = code.variable('ok')
  const make = (fn: Function) => `${code.constant(fn, 'fail')}(${JSON.stringify(node.name)})`
  code.line(`const ${step} = T.steps[${node.id}]`)
  code.line(`let ${ok} = true`)
  if (path.k !== 'undefined')
    code.line(`if (${path.k} !== undefined) ${ok} = ${failure(node, make(keyChangedFailure), path)}; else`)
  code.line(`if (${path.ks} < 0) ${ok} = ${failure(node, make(noKeyFailure), path)}`)
  const kind = `T.keyKindInWork`
  code.line(
    `else if (${step}.kind !== ${kind} && !${step}.acceptsKind(${kind})) ${ok} = ${failure(node, make(keyKindFailure), path)}`,
  )
  code.line(`if (${ok}) {`)
  const start = windowCode(code, plan, step, path)
  const values = argumentsCode(code, plan, ok, path)
  code.line(`if (${ok}) {`)
  updateCode(code, plan, step, start, values, path, go, directSinks)
  code.line('}')
  if (node.window !== undefined) code.line('}')
  code.line('}')
}

/** Declares a variable per argument; a column without one has the text `undefined`. */
function argumentsCode(code: Code, plan: StepPlan, ok: string, path: Path): string[] {
  const { node, columns } = plan
  return columns.map(column => {
    const { argument } = column
    if (argument.kind === 'none' || (argument.kind === 'where' && argument.fn === undefined))
      return 'undefined'
    if (argument.kind === 'value') return path.v
    const x = code.variable('x')
    code.line(`let ${x}`)
    code.line(
      `if (${ok}) { try { ${x} = ${argumentCall(code, argument, path)} } catch (e) { ${ok} = ${failure(node, 'e', path)} }`,
    )
    if (argument.kind === 'number') {
      const error = `${code.constant(notANumber, 'notANumber')}(${JSON.stringify(node.name)}, ${JSON.stringify(column.name)}, ${x})`
      code.line(`if (${ok} && (typeof ${x} !== 'number' || ${x} - ${x} !== 0)) {`)
      code.line(
        `if (${x} === undefined || ${x} === null) ${x} = undefined; else ${ok} = ${failure(node, error, path)} }`,
      )
    }
    code.line('}')
    return x
  })
}

function argumentCall(
  code: Code,
  argument: Exclude<Argument, { kind: 'none' | 'value' }>,
  path: Path,
): string {
  if (argument.kind === 'where')
    return `${code.constant(isTrue, 'isTrue')}(${callOf(code, argument.fn!, path)})`
  const call = fieldCode(code, argument.field, path)
  const isChecked = argument.kind === 'any' && typeof argument.field === 'function'
  return isChecked ? `${code.constant(settled, 'settled')}(${call})` : call
}

/** Declares the window's start and opens the block of records that are in time. */
function windowCode(code: Code, plan: StepPlan, step: string, path: Path): string {
  const { window } = plan.node
  if (window === undefined) return '0'
  const { sizeMs, offsetMs, graceMs } = window
  const start = code.variable('start')
  code.line(`let ${start} = ${step}.lastStart`)
  // Most records hit the window of the one before; a division is far dearer than two comparisons.
  code.line(`if (!(${path.t} >= ${start} && ${path.t} < ${start} + ${sizeMs})) {`)
  code.line(`${start} = Math.floor((${path.t} - ${offsetMs}) / ${sizeMs}) * ${sizeMs} + ${offsetMs} }`)
  // Without the rule's defence lateness is judged as if the record had moved the time already.
  const ahead = raisesFirst ? sizeMs : 0
  const closeTime = `${start} + ${sizeMs + graceMs + plan.reach.holdMs - ahead}`
  const own = path.late?.own ?? '-Infinity'
  const isLate =
    path.late === undefined ? [] : [`${closeTime} <= ${path.late.task}`, `${closeTime} <= ${own}`]
  if (path.mayBeRow) isLate.push(`${start} < ${step}.closedBelow`)
  code.line(`if (${isLate.join(' || ')}) {`)
  const byRelease = path.mayBeRow
    ? `T.rowKeyKind === undefined && ${closeTime} > ${own}`
    : `${closeTime} > ${own}`
  code.line(`T.sides.late(${plan.node.id}, ${byRelease}, ${path.raw}, ${argumentsOf(path)})`)
  code.line('} else {')
  return start
}

function updateCode(
  code: Code,
  plan: StepPlan,
  step: string,
  start: string,
  values: readonly string[],
  path: Path,
  go: Continue,
  directSinks: DirectSinks,
): void {
  const { node, columns } = plan
  const table = code.variable('table')
  const row = code.variable('row')
  const updates = plan.emissions.filter(({ node: emit }) => emit.emission.kind === 'updates')
  const cached =
    node.window === undefined
      ? `${step}.lastTable`
      : `${start} === ${step}.lastStart ? ${step}.lastTable : ${step}.tableFor(${start})`
  code.line(`const ${table} = ${cached}`)
  const size = code.variable('size')
  if (updates.length > 0) code.line(`const ${size} = ${table}.size`)
  const next = customCode(code, plan, table, path)
  code.line(`const ${row} = ${table}.upsert(${path.kb}, ${path.ks}, ${path.ke})`)
  const before = updates.length > 0 ? resultsCode(code, plan, table, row) : []
  columns.forEach((column, i) => {
    const at = `${row} + ${plan.offsets[i]!}`
    if (next[i] === undefined) columnCode(code, column, at, table, values[i]!)
    else code.line(`${table}.objects[${table}.f64[${at}]] = ${next[i]}`)
  })
  if (plan.timeAt >= 0) {
    const at = `${table}.f64[${row} + ${plan.timeAt}]`
    code.line(`if (${path.t} > ${at}) ${at} = ${path.t}`)
  }
  code.line(`${table}.touch(${row})`)
  if (plan.emissions.some(({ flagAt }) => flagAt >= 0))
    code.line(`${step}.changed(${table}, ${row}, ${start}, ${path.t})`)
  if (updates.length > 0)
    updateEmissionCode(code, plan, table, row, start, before, size, path, go, directSinks)
  if (next.some(name => name !== undefined)) code.line('}')
}

/**
 * Calls the user's own aggregates before anything is changed, so that one that throws leaves no trace; gives
 * the variable with each one's next state. The block it opens is of the records on which none threw.
 */
function customCode(code: Code, plan: StepPlan, table: string, path: Path): (string | undefined)[] {
  const custom = plan.columns.map(column => (column.argument.kind === 'value' ? column : undefined))
  if (custom.every(column => column === undefined)) return custom as undefined[]
  const found = code.variable('found')
  const ok = code.variable('ok')
  code.line(`const ${found} = ${table}.find(${path.kb}, ${path.ks}, ${path.ke})`)
  code.line(`let ${ok} = true`)
  const names = custom.map((column, i) => {
    if (column === undefined) return undefined
    const next = code.variable('next')
    const initial = code.constant(column.object!.initial, 'initial')
    const state = `${found} === 0 ? ${initial}() : ${table}.objects[${table}.f64[${found} + ${plan.offsets[i]!}]]`
    const add = `${code.constant(settled, 'settled')}(${code.constant(column.updateObject, 'add')}(${state}, ${path.v}, ${recordOf(path)}))`
    code.line(`let ${next}`)
    code.line(`if (${ok}) try { ${next} = ${add} } catch (e) { ${ok} = ${failure(plan.node, 'e', path)} }`)
    return next
  })
  code.line(`if (${ok}) {`)
  return names
}

function columnCode(code: Code, column: Column, at: string, table: string, value: string): void {
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
  code.line(`${guard}${place} = ${code.constant(column.updateObject, 'updateObject')}(${place}, ${value})`)
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

/** One update per record that changes the result (SEMANTICS 5.8). */
function updateEmissionCode(
  code: Code,
  plan: StepPlan,
  table: string,
  row: string,
  start: string,
  before: readonly string[],
  size: string,
  path: Path,
  go: Continue,
  directSinks: DirectSinks,
): void {
  const now = resultsCode(code, plan, table, row)
  const differs = now.map((name, i) => `!Object.is(${before[i]!}, ${name})`)
  code.line(`if (${table}.size !== ${size} || ${differs.join(' || ')}) {`)
  const results = plan.columns.map((column, i) =>
    resultOf(code, column, `${row} + ${plan.offsets[i]!}`, table),
  )
  const t = `${table}.f64[${row} + ${plan.timeAt}]`
  for (const { node: emit } of plan.emissions.filter(({ node: each }) => each.emission.kind === 'updates')) {
    const sinks = directSinks(emit)
    if (sinks !== undefined && updateWriterCode(code, plan, sinks, results, path, t)) continue
    const v = code.variable('v')
    const key = `T.keyInWork(${path.kb}, ${path.ks}, ${path.ke})`
    code.line(`const ${v} = ${rowValueCode(code, plan, results, start, key)}`)
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

/** The value of a row that leaves the step (SEMANTICS 5.8). */
export function rowValueCode(
  code: Code,
  plan: StepPlan,
  results: readonly string[],
  start: string,
  key: string,
): string {
  const { window } = plan.node
  const frame = window === undefined ? '' : `key: ${key}, start: ${start}, end: ${start} + ${window.sizeMs}`
  if (plan.node.result === 'value') {
    return window === undefined
      ? results[0]!
      : `${code.constant(windowValue, 'windowValue')}(${results[0]!}, { ${frame} })`
  }
  const columns = plan.columns.map((column, i) => `[${JSON.stringify(column.name)}]: ${results[i]!}`)
  return `{ ${[...columns, frame].filter(Boolean).join(', ')} }`
}
