import type { GlobalTableNode, LookupNode, TableJoinNode, TableNode } from '../plan/graph.ts'
import { tableOf } from '../plan/walk.ts'
import { deepFreeze } from '../serde/freeze.ts'
import { call, checkKey, type Flow, fieldOf } from './interpret-flow.ts'
import { isTrue } from './results.ts'
import type { GlobalTableStep } from './tables/global-step.ts'
import { checkedRow, hasKeysOf, joinedTime, rowOf, sidesOf } from './tables/rows.ts'
import type { TableStep } from './tables/table-step.ts'
import type { Task } from './task.ts'

type JoinCallback = (value: unknown, row: unknown, record: unknown) => unknown

/** What a table makes of a record, when it changes something. Throws what sends the record to `.failed`. */
export function changeTable(task: Task, node: TableNode, flow: Flow): Change | undefined {
  const step = task.steps[node.id] as TableStep
  checkKey(node.name, flow, task.keyKindInWork, kind => step.acceptsKind(kind))
  const row = selectedRow(task, node, flow)
  return changed(step, row, flow)
}

function selectedRow(task: Task, { selection }: TableNode, flow: Flow): unknown {
  if (selection === undefined || flow.v === null) return flow.v
  if (selection.kind === 'filter') return isTrue(call(task, selection.fn, flow)) ? flow.v : null
  return deepFreeze(checkedRow(call(task, selection.fn, flow)))
}

/** Takes a record of a global topic into its table. Throws what cannot be one of its rows. */
export function changeGlobalTable(task: Task, node: GlobalTableNode, flow: Flow): void {
  const step = task.steps[node.id] as GlobalTableStep
  checkKey(node.name, flow, task.keyKindInWork, kind => step.acceptsKind(kind))
  step.change(flow.v, flow.kb, flow.ks, flow.ke, flow.t)
}

/** What a join of tables makes of a change of one of them. */
export function changeJoin(task: Task, node: TableJoinNode, flow: Flow): Change | undefined {
  const step = task.steps[node.id] as TableStep
  const { kb, ks, ke, t } = flow
  checkKey(node.name, flow, task.keyKindInWork, kind => step.acceptsKind(kind))
  const sides = sidesOf(task.plan.graph, node)
  const rows = sides.map(side => deepFreeze(rowOf(task.steps[side]!, kb, ks, ke)))
  const isThere =
    rows.some(row => row !== undefined) &&
    node.sides.every(({ isRequired }, i) => !isRequired || rows[i] !== undefined)
  const row = isThere ? deepFreeze(checkedRow(node.fn(...joinArguments(node, rows)))) : null
  return changed(step, row, { ...flow, t: joinedTime(task, sides, kb, ks, ke, t) })
}

function joinArguments({ sides }: TableJoinNode, rows: readonly unknown[]): readonly unknown[] {
  if (sides[0]!.name === undefined) return rows
  return [Object.fromEntries(sides.map(({ name }, i) => [name!, rows[i]]))]
}

function changed(step: TableStep, v: unknown, flow: Flow): Change | undefined {
  const { kb, ks, ke, t } = flow
  const before = step.valueOf(kb, ks, ke) ?? null
  if (!step.change(v, kb, ks, ke, t)) return undefined
  return { before, flow: { ...flow, v, raw: false, h: null, start: Number.NaN } }
}

/** What a row was, and the record that says what it is. */
interface Change {
  readonly before: unknown
  readonly flow: Flow
}

/** What the join with a table makes of a record; undefined where it has no row and needs one. */
export function lookUp(task: Task, node: LookupNode, flow: Flow): { readonly value: unknown } | undefined {
  const { kb, ks, ke, t } = flow
  const table = task.steps[tableOf(task.plan.graph, node.inputs[1]!).id]!
  if (node.key === undefined)
    checkKey(node.name ?? 'join', flow, task.keyKindInWork, kind => hasKeysOf(table, kind))
  const found =
    node.key === undefined
      ? rowOf(table, kb, ks, ke, t)
      : (table as GlobalTableStep).rowUnder(fieldOf(task, node.key, flow))
  const row = deepFreeze(found)
  if (row === undefined && node.how === 'inner') return undefined
  return { value: call(task, (v, record) => (node.fn as JoinCallback)(v, row, record), flow) }
}
