import type { HoldNode, StreamJoinNode } from '../plan/graph.ts'
import { deepFreeze } from '../serde/freeze.ts'
import { checkKey, type Flow } from './interpret-flow.ts'
import type { HoldStep } from './joins/hold-step.ts'
import type { Side } from './joins/join-buffer.ts'
import type { JoinStep } from './joins/join-step.ts'
import type { PairArrival } from './program.ts'
import type { Task } from './task.ts'
import { TaskWatermark } from './time.ts'

/** Lets a record meet those of the other side; throws what sends it to `.failed`. */
export function joinRecord(task: Task, node: StreamJoinNode, side: Side, flow: Flow): void {
  const step = task.steps[node.id] as JoinStep
  const { v, raw, kb, ks, ke, k, t, h, judged } = flow
  checkKey(node.name, flow, task.keyKindInWork, kind => step.acceptsKind(kind))
  const X = task.time.registers
  const own = judged ? X[task.input.judgedAt]! : Number.NEGATIVE_INFINITY
  const w = judged ? Math.max(own, X[TaskWatermark]!) : Number.NEGATIVE_INFINITY
  if (!step.isLate(side, t, w)) return step.arrive(side, v, false, kb, ks, ke, t, w)
  task.sides.late(node.id, judged && step.closesAt(side, t) > own, raw, v, kb, ks, ke, k, t, h)
}

/** Holds a record back; false when its time has passed and it goes on at once. */
export function holdRecord(task: Task, node: HoldNode, flow: Flow): boolean {
  const step = task.steps[node.id] as HoldStep
  const { v, kb, ks, ke, t, h } = flow
  checkKey(node.name, flow, task.keyKindInWork, kind => step.acceptsKind(kind))
  if (!step.mustHold(t)) return false
  step.hold(v, kb, ks, ke, t, h)
  return true
}

/** What comes of two records that meet, or of one that goes out alone; `emit` calls the join's function and goes on. */
export function pairOf(emit: (task: Task, left: unknown, right: unknown, flow: Flow) => void): PairArrival {
  return (task, left, right, kb, ks, ke, t) => {
    const v = left === undefined ? right : left
    const judged = task.rowKeyKind === undefined
    const flow = { v, raw: false, kb, ks, ke, k: undefined, t, h: null, judged, start: Number.NaN }
    emit(task, deepFreeze(left), deepFreeze(right), flow)
  }
}
