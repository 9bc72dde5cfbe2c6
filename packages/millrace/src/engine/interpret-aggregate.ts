import type { EmitNode } from '../plan/graph.ts'
import type { KeyTable } from '../state/key-table.ts'
import { type GridWindow, windowStarts } from '../window/window.ts'
import { aggregateStep } from './aggregate-step.ts'
import type { Column } from './aggregates/column.ts'
import { call, checkKey, type Flow, fieldOf } from './interpret-flow.ts'
import { fingerprint, isTrue, notANumber, settled } from './results.ts'
import { resultAt, rowResult } from './row-result.ts'
import type { StepPlan } from './step-plan.ts'
import type { Task } from './task.ts'
import { TaskWatermark } from './time.ts'

/** A column's change by a record, computed before anything is changed; undefined leaves the column as it is. */
export type Change = ((table: KeyTable, at: number) => void) | undefined

/** Adds a record to its key's row, or sends it to `.late` or `.failed`; `emit` takes the updates. */
export function foldRecord(
  task: Task,
  plan: StepPlan,
  flow: Flow,
  emit: (node: EmitNode, flow: Flow) => void,
): void {
  const { node } = plan
  const { v, raw, kb, ks, ke, k, t, h } = flow
  const step = aggregateStep(task, node.id)
  let additions: { start: number; slot: number; changes: Change[] }[]
  try {
    checkKey(node.name, flow, task.keyKindInWork, kind => step.acceptsKind(kind))
    const starts = startsOf(plan, t).filter(start => !isLate(task, plan, flow, start))
    if (starts.length === 0) {
      const own = task.time.registers[task.input.judgedAt]!
      const byRelease = flow.judged && closesAt(plan, startsOf(plan, t)[0]!) > own
      return task.sides.late(node.id, byRelease, raw, v, kb, ks, ke, k, t, h)
    }
    const values = plan.columns.map(column => argumentOf(task, plan, column, flow))
    additions = slotsOf(task, plan, flow, starts).map(({ start, slot }) => {
      const table = step.tableFor(slot)
      const changes = plan.columns.map((column, i) => changeOf(task, plan, column, i, values[i], table, flow))
      return { start, slot, changes }
    })
  } catch (error) {
    task.sides.failed(node.id, error, raw, v, kb, ks, ke, k, t, h)
    return
  }
  for (const { start, slot, changes } of additions)
    addTo(task, plan, flow, start, step.tableFor(slot), changes, emit)
}

function addTo(
  task: Task,
  plan: StepPlan,
  flow: Flow,
  start: number,
  table: KeyTable,
  changes: readonly Change[],
  emit: (node: EmitNode, flow: Flow) => void,
): void {
  const { node } = plan
  const { kb, ks, ke, t } = flow
  const step = aggregateStep(task, node.id)
  const isNew = table.find(kb, ks, ke) === 0
  const row = table.upsert(kb, ks, ke)
  const before = fingerprints(plan, table, row)
  for (const [i, change] of changes.entries()) change?.(table, row + plan.offsets[i]!)
  if (plan.timeAt >= 0) table.f64[row + plan.timeAt] = Math.max(table.f64[row + plan.timeAt]!, t)
  table.touch(row)
  step.changed(table, row, start, t)
  const after = fingerprints(plan, table, row)
  if (!isNew && after.every((each, i) => Object.is(each, before[i]))) return
  for (const { node: emission } of plan.emissions) {
    if (emission.emission.kind !== 'updates') continue
    const value = rowResult(plan, table, row, start, task.keyInWork(kb, ks, ke))
    const time = table.f64[row + plan.timeAt]!
    const isWindowed = node.window !== undefined
    emit(emission, {
      ...flow,
      v: value,
      raw: false,
      k: undefined,
      t: time,
      h: null,
      start: isWindowed ? start : Number.NaN,
    })
  }
}

/** The windows that hold a record, latest first. */
function startsOf({ node: { window }, grid }: StepPlan, t: number): number[] {
  return window === undefined ? [0] : windowStarts(t, window as GridWindow, grid!)
}

/** Where the record's rows lie: one for each window, or one for all where they share rows (`Panes`). */
function slotsOf(
  task: Task,
  { node, panes }: StepPlan,
  { judged }: Flow,
  starts: readonly number[],
): { start: number; slot: number }[] {
  if (panes === undefined) return starts.map(start => ({ start, slot: start }))
  const [start] = starts as [number]
  const X = task.time.registers
  const watermark = judged ? Math.max(X[TaskWatermark]!, X[task.input.judgedAt]!) : Number.NEGATIVE_INFINITY
  const missed = aggregateStep(task, node.id).missed(start, watermark)
  return [{ start, slot: panes.slot(panes.numberOf(start), missed) }]
}

/** The task watermark at which the window closes. */
function closesAt({ graceMs, grid, reach }: StepPlan, start: number): number {
  return grid!.endOf(start) + graceMs + reach.holdMs
}

function isLate(task: Task, plan: StepPlan, flow: Flow, start: number): boolean {
  if (plan.node.window === undefined) return false
  if (start < aggregateStep(task, plan.node.id).closedBelow) return true
  if (!flow.judged) return false
  const X = task.time.registers
  return closesAt(plan, start) <= Math.max(X[TaskWatermark]!, X[task.input.judgedAt]!)
}

/** What a column takes from a record. */
export function argumentOf(task: Task, plan: StepPlan, column: Column, flow: Flow): unknown {
  const { argument } = column
  switch (argument.kind) {
    case 'none':
      return undefined
    case 'value':
      return flow.v
    case 'where':
      return argument.fn === undefined || isTrue(call(task, argument.fn, flow))
    case 'any':
      return settled(fieldOf(task, argument.field, flow))
    case 'number': {
      const value = fieldOf(task, argument.field, flow)
      if (value === undefined || value === null) return undefined
      if (typeof value !== 'number' || !Number.isFinite(value))
        throw notANumber(plan.node.name, column.name, value)
      return value
    }
  }
}

function changeOf(
  task: Task,
  plan: StepPlan,
  column: Column,
  i: number,
  value: unknown,
  table: KeyTable,
  flow: Flow,
): Change {
  const { argument, updateObject } = column
  if (argument.kind !== 'value' || updateObject === undefined) return plainChange(column, value, flow)
  const row = table.find(flow.kb, flow.ks, flow.ke)
  const state = row === 0 ? column.object!.initial() : objectAt(table, row + plan.offsets[i]!)
  const next = settled(call(task, (v, record) => updateObject(state, v, record), flow))
  return (to, at) => setObject(to, at, next)
}

/** The change of a column that no code of the user's makes. */
export function plainChange({ argument, update, updateObject }: Column, value: unknown, { t }: Flow): Change {
  if (argument.kind === 'number' && value === undefined) return undefined
  if (argument.kind === 'where' && value === false) return undefined
  if (updateObject === undefined) return (to, at) => update(to.f64, at, value)
  return (to, at) => setObject(to, at, updateObject(objectAt(to, at), value, t))
}

function objectAt(table: KeyTable, at: number): unknown {
  return table.objects[table.f64[at]!]
}

export function setObject(table: KeyTable, at: number, state: unknown): void {
  table.objects[table.f64[at]!] = state
}

/** The results of a row, where it matters whether they change. */
export function fingerprints(plan: StepPlan, table: KeyTable, row: number): unknown[] {
  if (!plan.emissions.some(({ node }) => node.emission.kind === 'updates')) return []
  return plan.columns.map((_, i) => fingerprint(resultAt(plan, table, row, i)))
}
