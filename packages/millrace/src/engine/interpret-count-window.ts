import type { EmitNode } from '../plan/graph.ts'
import type { CountStep } from './count-windows/count-step.ts'
import { argumentOf, type Change, plainChange, setObject } from './interpret-aggregate.ts'
import { call, checkKey, type Flow } from './interpret-flow.ts'
import { settled } from './results.ts'
import { rowResult } from './row-result.ts'
import type { CountWindowPlan, StepPlan } from './step-plan.ts'
import type { Task } from './task.ts'

/** Brings a record into each of its key's open windows, or sends it to `.failed`; `emit` takes what becomes full. */
export function foldCounted(
  task: Task,
  plan: StepPlan,
  counted: CountWindowPlan,
  flow: Flow,
  emit: (node: EmitNode, flow: Flow) => void,
): void {
  const { node } = plan
  const { v, raw, kb, ks, ke, k, t, h } = flow
  const step = task.steps[node.id] as CountStep
  let changes: (readonly Change[])[]
  try {
    checkKey(node.name, flow, task.keyKindInWork, kind => step.acceptsKind(kind))
    const values = plan.columns.map(column => argumentOf(task, plan, column, flow))
    step.probe(kb, ks, ke)
    changes = step.slots.map(slot =>
      plan.columns.map((column, i): Change => {
        const { argument, updateObject } = column
        if (argument.kind !== 'value' || updateObject === undefined)
          return plainChange(column, values[i], flow)
        const state = step.stateOf(slot, i)
        const next = settled(call(task, (value, record) => updateObject(state, value, record), flow))
        return (to, at) => setObject(to, at, next)
      }),
    )
  } catch (error) {
    task.sides.failed(node.id, error, raw, v, kb, ks, ke, k, t, h)
    return
  }
  const row = step.place(kb, ks, ke)
  for (const [n, slot] of step.slots.entries()) {
    const at = row + slot
    for (const [i, change] of changes[n]!.entries()) change?.(step.table, at + plan.offsets[i]!)
    if (step.fills(at, t)) emitFull(task, plan, counted, step, at, flow, emit)
  }
}

/** Takes the result of a full window, makes its slot empty and hands the result on. */
function emitFull(
  task: Task,
  plan: StepPlan,
  { startAt, lastAt }: CountWindowPlan,
  step: CountStep,
  at: number,
  flow: Flow,
  emit: (node: EmitNode, flow: Flow) => void,
): void {
  const { v, raw, kb, ks, ke, k, t, h } = flow
  const { f64 } = step.table
  const [start, last] = [f64[at + startAt]!, f64[at + lastAt]!]
  let result: unknown
  try {
    result = rowResult(plan, step.table, at, start, task.keyInWork(kb, ks, ke))
  } catch (error) {
    step.empty(at)
    task.sides.failed(plan.node.id, error, raw, v, kb, ks, ke, k, t, h)
    return
  }
  step.empty(at)
  for (const { node } of plan.emissions)
    emit(node, { ...flow, v: result, raw: false, k: undefined, t: last, h: null, start: Number.NaN })
}
