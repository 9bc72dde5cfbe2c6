import { copyObstacle } from '../plan/fields.ts'
import {
  type EmitNode,
  type KeyByNode,
  type PlanNode,
  type Port,
  replacesRows,
  type StreamJoinNode,
} from '../plan/graph.ts'
import { serdeAt } from '../plan/serde-at.ts'
import { makesCalls } from '../plan/walk.ts'
import { deepFreeze } from '../serde/freeze.ts'
import { toEventTime } from '../serde/timestamp.ts'
import { WINDOW_START_BYTES } from '../state/changelog-key.ts'
import type { AsyncStep } from './calls/async-step.ts'
import { carriedSerde, type Decode } from './decode.ts'
import type { EventWindowStep } from './event-windows/event-window-step.ts'
import { foldRecord } from './interpret-aggregate.ts'
import { foldCounted } from './interpret-count-window.ts'
import { foldEvent } from './interpret-event-window.ts'
import { call, type Flow, fieldOf } from './interpret-flow.ts'
import { holdRecord, joinRecord, pairOf } from './interpret-joins.ts'
import { readHead } from './interpret-read.ts'
import { changeGlobalTable, changeJoin, changeTable, lookUp } from './interpret-tables.ts'
import type { Side } from './joins/join-buffer.ts'
import { inputOf, outputOf, splitOutput } from './output-name.ts'
import { headerSection, notWindowed } from './outputs.ts'
import { processStep } from './process/process-step.ts'
import {
  type Arrival,
  givesOnLater,
  type PairArrival,
  type Program,
  type RowArrival,
  RunStop,
  type SideArrival,
} from './program.ts'
import { allOf, isOut, isTrue, resultFailure, settled } from './results.ts'
import { rowResult } from './row-result.ts'
import type { SubPlan } from './sub-plan.ts'
import type { Task } from './task.ts'
import type { TaskInput } from './task-input.ts'

/**
 * Executes a sub-topology node by node on whole, frozen values: what it does is what the compiled program must
 * do, and what runs where code must not be generated.
 */
export function interpretProgram(plan: SubPlan, decoders: readonly Decode[]): Program {
  const interpreter = new Interpreter(plan)
  const rows = new Map<number, RowArrival>()
  for (const { emissions } of plan.aggregates) {
    for (const { node } of emissions) rows.set(node.id, interpreter.rowsOf(node))
  }
  const retries = new Map<number, Arrival>()
  for (const id of plan.sub.nodeIds) retries.set(id, interpreter.entryOf(plan.graph.nodes[id]!))
  const sides = new Map<string, SideArrival>()
  for (const output of plan.consumers.keys()) {
    const [id, port] = splitOutput(output)
    const node = plan.graph.nodes[Number(id)]!
    if (node.kind === 'process' || ['failed', 'late', 'rejected', 'tombstones'].includes(port)) {
      sides.set(output, {
        read: interpreter.sideOf(node, port, true),
        made: interpreter.sideOf(node, port, false),
      })
    }
  }
  const run = (task: Task, input: TaskInput, until: number) => {
    const { origin } = input
    const from = origin.kind === 'source' ? origin.node : origin.keyBy
    return interpreter.run(task, input, until, decoders[input.loop]!, from)
  }
  const pairs = new Map(plan.joins.map(({ node }) => [node.id, interpreter.pairsOf(node)]))
  const outs = new Map<number, Arrival>()
  for (const id of plan.sub.nodeIds)
    if (givesOnLater(plan.graph.nodes[id]!))
      outs.set(id, interpreter.sideOf(plan.graph.nodes[id]!, 'out', false))
  return { kind: 'interpreted', run, rows, pairs, outs, retries, sides }
}

class Interpreter {
  readonly #plan: SubPlan

  constructor(plan: SubPlan) {
    this.#plan = plan
  }

  run(task: Task, input: TaskInput, until: number, decode: Decode, from: PlanNode): RunStop {
    task.input = input
    for (;;) {
      const head = readHead(task, input, decode)
      if (head === 'end') return RunStop.batchEnd
      if (head === 'closing') return RunStop.closing
      if (input.heldTime > until) {
        input.held = true
        return RunStop.bound
      }
      const { cursor, heldTime: t, heldValue: v } = input
      const key = { kb: cursor.buffer, ks: cursor.keyStart, ke: cursor.keyEnd, k: undefined }
      this.#continue(task, from, 'out', {
        v,
        raw: true,
        ...key,
        t,
        h: undefined,
        judged: true,
        start: notWindowed,
      })
      if (task.parked.hasCalls) return task.parked.leave(t)
      if (!task.raise(input, t) || !task.settleDue()) return RunStop.closing
      if (task.isFull) return RunStop.full
    }
  }

  rowsOf(emit: EmitNode): RowArrival {
    return (task, step, table, row, start, t) => {
      const before = task.rowKeyKind
      task.rowKeyKind = step.kind
      const isOfEvents = step.plan.eventWindow !== undefined
      const ks = table.keyStart(row) + (isOfEvents ? WINDOW_START_BYTES : 0)
      const isDeleting = isOfEvents && (step as EventWindowStep).isDeleting
      const ke = table.keyEnd(row)
      const kb = table.keyBytes
      const isUpdate = replacesRows(emit.emission) && step.plan.node.window !== undefined
      const flow = {
        raw: false,
        kb,
        ks,
        ke,
        k: undefined,
        t,
        h: null,
        judged: false,
        start: isUpdate ? start : notWindowed,
      }
      const key = { kb, ks, ke, k: undefined }
      const result = attempt(task, step.plan.node, { ...flow, v: null }, () =>
        isDeleting ? null : rowResult(step.plan, table, row, start, task.keyInWork(key.kb, key.ks, key.ke)),
      )
      if (result !== undefined) this.#continue(task, emit, 'out', { ...flow, v: result.value })
      task.rowKeyKind = before
    }
  }

  pairsOf(node: StreamJoinNode): PairArrival {
    return pairOf((task, left, right, flow) => {
      const fn = (_: unknown, record: unknown) => node.fn(left, right, record)
      const result = attempt(task, node, flow, () => call(task, fn, flow))
      if (result !== undefined) this.#result(task, node, result.value, flow)
    })
  }

  entryOf(node: PlanNode): Arrival {
    const raw = this.#isRawInto(node)
    return (task, v, kb, ks, ke, k, t, h, start = notWindowed) =>
      this.#step(task, node, { v, raw, kb, ks, ke, k, t, h, judged: task.rowKeyKind === undefined, start })
  }

  sideOf(node: PlanNode, port: Port, read: boolean): Arrival {
    const isRaw = port === 'failed' || port === 'late'
    const raw = read && isRaw && serdeAt(this.#plan.graph, { from: node.id, port }) !== undefined
    return (task, v, kb, ks, ke, k, t, h, start = notWindowed) => {
      const judged = task.rowKeyKind === undefined
      this.#continue(task, node, port, { v, raw, kb, ks, ke, k, t, h, judged, start })
    }
  }

  #isRawInto(node: PlanNode): boolean {
    return node.inputs.length > 0 && serdeAt(this.#plan.graph, node.inputs[0]!) !== undefined
  }

  #continue(task: Task, from: PlanNode, port: Port, flow: Flow): void {
    const consumers = this.#plan.consumers.get(outputOf(from.id, port)) ?? []
    for (const [i, node] of consumers.entries()) {
      if (node.kind === 'streamJoin') {
        const side = inputOf(consumers, i, from.id, port) as Side
        attempt(task, node, flow, () => joinRecord(task, node, side, flow))
      } else this.#step(task, node, flow)
    }
  }

  #step(task: Task, node: PlanNode, flow: Flow): void {
    if (retriesOf(node) > 0 && task.parked.mustDefer) {
      task.parked.defer(node.id, flow.v, flow.kb, flow.ks, flow.ke, flow.k, flow.t, flow.h, flow.start)
      return
    }
    const go = (port: Port, next: Flow) => this.#continue(task, node, port, next)
    switch (node.kind) {
      case 'merge':
      case 'byKey':
        return go('out', flow)
      case 'filter': {
        const kept = attempt(task, node, flow, () => isTrue(call(task, node.fn, flow)))
        return kept?.value ? go('out', flow) : undefined
      }
      case 'peek':
        return attempt(task, node, flow, () => settled(call(task, node.fn, flow))) && go('out', flow)
      case 'map': {
        const mapped = attempt(task, node, flow, () => call(task, node.fn, flow))
        return mapped && this.#result(task, node, mapped.value, flow)
      }
      case 'flatMap': {
        const all = attempt(task, node, flow, () => allOf(call(task, node.fn, flow)))
        for (const each of all?.value ?? []) this.#result(task, node, each, flow)
        return
      }
      case 'branch': {
        const taken = attempt(task, node, flow, () =>
          node.cases.find(({ fn }) => isTrue(call(task, fn, flow))),
        )
        return taken && go(`case:${taken.value?.name ?? 'otherwise'}`, flow)
      }
      case 'keyBy': {
        const key = attempt(task, node, flow, () => fieldOf(task, node.key, flow))
        return key && this.#reKey(task, node, key.value, flow)
      }
      case 'aggregate':
        return this.#fold(task, node, flow)
      case 'table':
      case 'tableJoin': {
        const change = attempt(task, node, flow, () =>
          node.kind === 'table' ? changeTable(task, node, flow) : changeJoin(task, node, flow),
        )
        if (change?.value === undefined) return
        const { before, flow: next } = change.value
        go('out', next)
        return go('changes', { ...next, v: deepFreeze({ before, after: next.v }) })
      }
      case 'globalTable':
        return void attempt(task, node, flow, () => changeGlobalTable(task, node, flow))
      case 'hold': {
        const passes = attempt(task, node, flow, () => !holdRecord(task, node, flow))
        return passes?.value ? go('out', { ...flow, raw: false }) : undefined
      }
      case 'lookup': {
        const joined = attempt(task, node, flow, () => lookUp(task, node, flow))
        return joined?.value && this.#result(task, node, joined.value.value, flow)
      }
      case 'asyncMap': {
        const { v, raw, kb, ks, ke, k, t, h } = flow
        return (task.steps[node.id] as AsyncStep).arrive(raw, v, kb, ks, ke, k, t, h)
      }
      case 'process': {
        const { v, raw, kb, ks, ke, k, t, h, start } = flow
        return processStep(task, node.id).process(raw, v, kb, ks, ke, k, t, h, start)
      }
      default:
        return this.#sink(task, node, flow)
    }
  }

  #fold(task: Task, node: PlanNode, flow: Flow): void {
    const plan = this.#plan.aggregates.find(step => step.node.id === node.id)!
    const emit = (emission: EmitNode, next: Flow) => this.#continue(task, emission, 'out', next)
    if (plan.counted !== undefined) foldCounted(task, plan, plan.counted, flow, emit)
    else if (plan.eventWindow !== undefined) foldEvent(task, plan, plan.eventWindow, flow, emit)
    else foldRecord(task, plan, flow, emit)
  }

  #result(task: Task, node: PlanNode, result: unknown, flow: Flow): void {
    const next = attempt(task, node, flow, () => unpacked(result, flow))
    if (next !== undefined) this.#continue(task, node, 'out', next.value)
  }

  #reKey(task: Task, node: KeyByNode, key: unknown, flow: Flow): void {
    const raw = flow.raw && this.#isRawInto(node)
    const { v, kb, ks, ke, k, t, h } = flow
    task.outputs.reKey(node, key, carriedSerde(this.#plan.graph, node), raw, v, kb, ks, ke, k, t, h)
  }

  #sink(task: Task, node: PlanNode, { v, raw, kb, ks, ke, k, t, h, start }: Flow): void {
    switch (node.kind) {
      case 'to': {
        const obstacle = copyObstacle(this.#plan.graph, node, { closedLog: this.#plan.closedLog })
        if (raw && obstacle === undefined) return task.outputs.copy(node, v, kb, ks, ke, k, t, h)
        return task.outputs.write(node, v, kb, ks, ke, k, t, h, start)
      }
      case 'toFile':
        return task.lines.write(node, v, kb, ks, ke, k, t, h)
      case 'print':
        return task.lines.print(node, raw, v, kb, ks, ke, k, t, h)
      case 'forEach':
        return task.effects.call(node, raw, v, kb, ks, ke, k, t, h)
    }
  }
}

/** Runs what may throw; undefined after a failure was dealt with by the step's policy. */
function attempt<T>(task: Task, node: PlanNode, flow: Flow, run: () => T): { readonly value: T } | undefined {
  const { v, raw, kb, ks, ke, k, t, h } = flow
  try {
    return { value: run() }
  } catch (error) {
    const retry = 'retry' in node ? node.retry : undefined
    const isParked =
      retry !== undefined && task.parked.park(node.id, retry, v, kb, ks, ke, k, t, h, flow.start)
    if (!isParked) task.sides.failed(node.id, error, raw, v, kb, ks, ke, k, t, h)
    return undefined
  }
}

function retriesOf(node: PlanNode): number {
  return 'retry' in node && !makesCalls(node) ? (node.retry?.retries ?? 0) : 0
}

/** The record with a callback's result: a value, or what `out()` sets. */
function unpacked(result: unknown, flow: Flow): Flow {
  if (!isOut(result)) return { ...flow, v: checked(result), raw: false }
  const { key, headers, timestamp } = result.options
  return {
    ...flow,
    v: checked(result.value),
    raw: false,
    k: key === undefined ? flow.k : key,
    t: timestamp === undefined ? flow.t : toEventTime(timestamp),
    h: headers === undefined ? flow.h : headerSection(headers),
    start: key === undefined ? flow.start : notWindowed,
  }
}

function checked(value: unknown): unknown {
  const failure = resultFailure(value)
  if (failure !== undefined) throw failure
  return deepFreeze(value)
}
