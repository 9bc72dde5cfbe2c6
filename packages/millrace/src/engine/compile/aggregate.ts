import { isBroken } from '../../std/broken-rules.ts'
import type { HoppingWindow } from '../../window/hopping.ts'
import { advanceOf, type EventWindow, type GridWindow, isFixed, isOfEvents } from '../../window/window.ts'
import type { Argument } from '../aggregates/column.ts'
import { isTrue, notANumber, settled } from '../results.ts'
import type { StepPlan } from '../step-plan.ts'
import type { Code } from './code.ts'
import { countWindowCode } from './count-window.ts'
import { eventWindowCode } from './event-window.ts'
import { keyedStepCode } from './key-check.ts'
import { argumentsOf, type Path } from './path.ts'
import { changeCode, customCode, type DirectSinks, endText, statesCode, tableCode } from './row-change.ts'
import { type Continue, callOf, failure, fieldCode } from './steps.ts'

const raisesFirst = isBroken('3.2')

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
  const { step, ok } = keyedStepCode(code, node, path)
  code.line(`if (${ok}) {`)
  const { counted } = plan
  const start = counted === undefined ? windowCode(code, plan, step, path) : '0'
  const values = argumentsCode(code, plan, ok, path)
  code.line(`if (${ok}) {`)
  if (counted !== undefined) countWindowCode(code, plan, counted, step, values, path, go)
  else if (plan.eventWindow !== undefined)
    eventWindowCode(code, plan, plan.eventWindow, step, values, path, go, directSinks)
  else updateCode(code, plan, step, start, values, path, go, directSinks)
  code.line('}')
  if (node.window !== undefined && counted === undefined) code.line('}')
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

/** Declares the start of the record's window, the latest of several, and opens the block of records that are in time. */
function windowCode(code: Code, plan: StepPlan, step: string, path: Path): string {
  const { window } = plan.node
  if (window === undefined) return '0'
  // Where windows lie where the records are, a record is late by its own time.
  const start = plan.eventWindow === undefined ? startCode(code, plan, step, path.t) : path.t
  code.line(`if (${lateText(code, plan, step, start, path)}) {`)
  const own = path.late?.own ?? '-Infinity'
  const closeTime = closeTimeText(code, plan, start)
  const byRelease = path.mayBeRow
    ? `T.rowKeyKind === undefined && ${closeTime} > ${own}`
    : `${closeTime} > ${own}`
  code.line(`T.sides.late(${plan.node.id}, ${byRelease}, ${path.raw}, ${argumentsOf(path)})`)
  code.line('} else {')
  return plan.panes === undefined ? start : slotCode(code, plan, step, start, path)
}

function startCode(code: Code, { node, grid, panes }: StepPlan, step: string, t: string): string {
  const window = node.window!
  const start = code.variable('start')
  if (!isFixed(window)) {
    code.line(`const ${start} = ${code.constant(grid, 'grid')}.startOf(${t})`)
    return start
  }
  const { offsetMs } = window
  const advanceMs = advanceOf(window)
  const found = `Math.floor((${t} - ${offsetMs}) / ${advanceMs}) * ${advanceMs} + ${offsetMs}`
  if (panes === undefined) {
    code.line(`let ${start} = ${step}.lastSlot`)
    // Most records hit the window of the one before; a division is far dearer than two comparisons.
    code.line(`if (!(${t} >= ${start} && ${t} < ${start} + ${advanceMs})) ${start} = ${found}`)
  } else code.line(`const ${start} = ${found}`)
  return start
}

/** Declares the slot of a record whose windows share rows (`Panes`). */
function slotCode(
  code: Code,
  plan: StepPlan,
  step: string,
  start: string,
  { late, mayBeGone }: Path,
): string {
  const { offsetMs, advanceMs, sizeMs, graceMs } = plan.node.window as HoppingWindow
  const slot = code.variable('slot')
  code.line(`let ${slot} = (${start} - ${offsetMs}) / ${advanceMs} * ${plan.panes!.stride}`)
  const firstCloses = `${start} + ${advanceMs + graceMs + plan.reach.holdMs}`
  const misses = late === undefined ? [] : [`${firstCloses} <= ${late.task}`, `${firstCloses} <= ${late.own}`]
  if (mayBeGone) misses.push(`${start} - ${sizeMs - advanceMs} < ${step}.closedBelow`)
  const watermark = late === undefined ? '-Infinity' : `Math.max(${late.task}, ${late.own})`
  code.line(`if (${misses.join(' || ')}) ${slot} += ${step}.missed(${start}, ${watermark})`)
  return slot
}

function closeTimeText(code: Code, plan: StepPlan, start: string): string {
  const window = plan.node.window as GridWindow | EventWindow
  const { holdMs } = plan.reach
  if (isOfEvents(window)) return `${start} + ${1 + window.graceMs + holdMs}`
  const { graceMs } = plan
  if (!isFixed(window)) return `${endText(code, plan, start)} + ${graceMs + holdMs}`
  const { sizeMs } = window
  // Without the rule's defence lateness is judged as if the record had moved the time already.
  const ahead = raisesFirst ? sizeMs : 0
  return `${start} + ${sizeMs + graceMs + holdMs - ahead}`
}

/** Whether a window has closed for the record. */
function lateText(
  code: Code,
  plan: StepPlan,
  step: string,
  start: string,
  { late, mayBeGone }: Path,
): string {
  const closeTime = closeTimeText(code, plan, start)
  const isLate = late === undefined ? [] : [`${closeTime} <= ${late.task}`, `${closeTime} <= ${late.own}`]
  if (mayBeGone) isLate.push(`${start} < ${step}.closedBelow`)
  return isLate.join(' || ')
}

/** Changes the rows of all windows that take the record; `latest` is the start of the last of them. */
function updateCode(
  code: Code,
  plan: StepPlan,
  step: string,
  latest: string,
  values: readonly string[],
  path: Path,
  go: Continue,
  directSinks: DirectSinks,
): void {
  const { window } = plan.node
  const hasCustom = plan.columns.some(({ argument }) => argument.kind === 'value')
  if (window?.kind !== 'hopping' || plan.panes !== undefined) {
    const table = tableCode(code, plan, step, latest)
    const next = customCode(code, plan, table, path)
    changeCode(code, plan, step, latest, table, values, next, path, go, directSinks)
    if (hasCustom) code.line('}')
    return
  }
  const start = code.variable('start')
  const isLate = lateText(code, plan, step, start, path)
  const eachWindow = `for (let ${start} = ${latest}; ${start} > ${path.t} - ${window.sizeMs} && !(${isLate}); ${start} -= ${window.advanceMs}) {`
  const states = hasCustom ? statesCode(code, plan, step, start, eachWindow, path) : undefined
  code.line(eachWindow)
  const table = tableCode(code, plan, step, start)
  const next = plan.columns.map(({ argument }) =>
    argument.kind === 'value' ? `${states!.names}[${states!.at}++]` : undefined,
  )
  changeCode(code, plan, step, start, table, values, next, path, go, directSinks)
  code.line('}')
  if (hasCustom) code.line('}')
}
