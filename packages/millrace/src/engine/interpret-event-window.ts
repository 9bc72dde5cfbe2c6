import type { EmitNode } from '../plan/graph.ts'
import { hasRowPerWindow } from '../window/window.ts'
import type { Column } from './aggregates/column.ts'
import type { EventWindowStep } from './event-windows/event-window-step.ts'
import { argumentOf, type Change, fingerprints, plainChange, setObject } from './interpret-aggregate.ts'
import { call, checkKey, type Flow } from './interpret-flow.ts'
import { settled } from './results.ts'
import { rowResult } from './row-result.ts'
import type { EventWindowPlan, StepPlan } from './step-plan.ts'
import type { Task } from './task.ts'
import { TaskWatermark } from './time.ts'

/** Brings a record into its window, or sends it to `.late` or `.failed`; `emit` takes the updates. */
export function foldEvent(
  task: Task,
  plan: StepPlan,
  eventWindow: EventWindowPlan,
  flow: Flow,
  emit: (node: EmitNode, flow: Flow) => void,
): void {
  const { node } = plan
  const { v, raw, kb, ks, ke, k, t, h } = flow
  const step = task.steps[node.id] as EventWindowStep
  let changes: Change[]
  try {
    checkKey(node.name, flow, task.keyKindInWork, kind => step.acceptsKind(kind))
    if (isLate(task, plan, eventWindow, step, flow)) {
      const byRelease =
        flow.judged && lateFrom(plan, eventWindow, t) > task.time.registers[task.input.judgedAt]!
      return task.sides.late(node.id, byRelease, raw, v, kb, ks, ke, k, t, h)
    }
    const values = plan.columns.map(column => argumentOf(task, plan, column, flow))
    step.probe(kb, ks, ke, t)
    changes = plan.columns.map((column, i) => changeOf(task, step, column, i, values[i], flow))
  } catch (error) {
    task.sides.failed(node.id, error, raw, v, kb, ks, ke, k, t, h)
    return
  }
  addTo(task, plan, eventWindow, step, changes, flow, emit)
}

function addTo(
  task: Task,
  plan: StepPlan,
  eventWindow: EventWindowPlan,
  step: EventWindowStep,
  changes: readonly Change[],
  flow: Flow,
  emit: (node: EmitNode, flow: Flow) => void,
): void {
  const { kb, ks, ke } = flow
  const { table } = step
  const row = step.place(kb, ks, ke, flow.t)
  // Windows that are put together from parts are told of by the step.
  const isOne = hasRowPerWindow(eventWindow.window)
  const before = isOne ? fingerprints(plan, table, row) : []
  for (const [i, change] of changes.entries()) change?.(table, row + plan.offsets[i]!)
  step.settle(row)
  if (!isOne) return
  const after = fingerprints(plan, table, row)
  if (!step.grew && after.every((each, i) => Object.is(each, before[i]))) return
  const start = table.f64[row + eventWindow.startAt]!
  const t = table.f64[row + eventWindow.lastAt]!
  for (const { node } of plan.emissions) {
    if (node.emission.kind !== 'updates') continue
    const v = rowResult(plan, table, row, start, task.keyInWork(kb, ks, ke))
    emit(node, { ...flow, v, raw: false, k: undefined, t, h: null, start })
  }
}

/** The task watermark from which on a record at `t` is late. */
function lateFrom({ reach }: StepPlan, { window }: EventWindowPlan, t: number): number {
  return t + 1 + window.graceMs + reach.holdMs
}

function isLate(
  task: Task,
  plan: StepPlan,
  eventWindow: EventWindowPlan,
  step: EventWindowStep,
  flow: Flow,
): boolean {
  if (flow.t < step.closedBelow) return true
  if (!flow.judged) return false
  const X = task.time.registers
  return lateFrom(plan, eventWindow, flow.t) <= Math.max(X[TaskWatermark]!, X[task.input.judgedAt]!)
}

function changeOf(
  task: Task,
  step: EventWindowStep,
  column: Column,
  i: number,
  value: unknown,
  flow: Flow,
): Change {
  const { argument, updateObject } = column
  if (argument.kind !== 'value' || updateObject === undefined) return plainChange(column, value, flow)
  const state = step.stateOf(i)
  const next = settled(call(task, (v, record) => updateObject(state, v, record), flow))
  return (to, at) => setObject(to, at, next)
}
