import type { AggregateNode, EmitNode } from '../../plan/graph.ts'
import type { CountWindow } from '../../window/count-window.ts'
import { type EventWindow, type GridWindow, isOfEvents } from '../../window/window.ts'
import { emptyColumns, resultOf, type Slot, type Window, windowsAt, withRecords } from './aggregate.ts'
import { canonicalText } from './bytes.ts'
import { ClosedWindows } from './closed-windows.ts'
import { CountedSteps } from './counted-steps.ts'
import { closesAt, sessionsOf, slidingOf } from './event-windows.ts'
import type { StepHost } from './host.ts'
import { bytesOfRecordKey } from './made-records.ts'
import { resultRecord } from './rows.ts'
import type { FlowRecord } from './types.ts'
import { allowedLatenessMs, emitsOf, heldBackBeforeMs } from './walk.ts'

/** The aggregates of a task: a slot per key, or per key and window, and when its rows go out. */
export class AggregateSteps {
  /** By key bytes and window start. */
  readonly slots = new Map<AggregateNode, Map<string, Slot>>()
  /** A bounded run ends that another one follows. */
  isEnding = false
  readonly #host: StepHost
  readonly #closed = new ClosedWindows()
  readonly #counted = new CountedSteps((node, slot, watermark) => this.#emitCounted(node, slot, watermark))
  /** Of steps with sessions: the records of each key that no session has closed over, in the order they came. */
  readonly #inSessions = new Map<AggregateNode, Map<string, FlowRecord[]>>()

  constructor(host: StepHost) {
    this.#host = host
  }

  /** The row of a key in a table. */
  slotOf(node: AggregateNode, key: string): Slot | undefined {
    return this.#slotsOf(node).get(`undefined ${key}`)
  }

  /** Everything has closed; what came before is in no window to come. */
  endRun(): void {
    this.isEnding = false
    for (const [node, keys] of this.#inSessions)
      for (const records of keys.values()) this.#closed.closedAround(node, records)
  }

  /** The watermarks, as they reach the step, at which a window closes or takes nothing more. */
  dues(node: AggregateNode): number[] {
    if (node.window === undefined) return []
    const latenessMs = allowedLatenessMs(this.#host.graph, node)
    return [...this.#slotsOf(node).values()].flatMap(slot => {
      const at = closesAt(node, slot)
      return [at, at + latenessMs]
    })
  }

  /** Takes a record whose key is one. Does what can fail and gives back what follows. */
  add(node: AggregateNode, record: FlowRecord): () => void {
    if (node.window?.kind === 'count') return this.#counted.add(node, node.window, record)
    if (node.window !== undefined && isOfEvents(node.window))
      return this.#amongEvents(node, node.window, record)
    const windows = node.window === undefined ? [undefined] : windowsAt(node.window, record.timestamp)
    const open = windows.filter(window => window === undefined || !this.#isLate(node, window, record))
    if (open.length === 0) return () => this.#host.sendAside(node, 'late', 'late', record)
    const additions = open.map(window => this.#added(node, window, record))
    return () => {
      for (const add of additions) add()
    }
  }

  /** One more record in a key's slot of a window, or of the table. */
  #added(node: AggregateNode, window: Window | undefined, record: FlowRecord): () => void {
    const slots = this.#slotsOf(node)
    const id = `${window?.start} ${canonicalText(bytesOfRecordKey(record))}`
    const slot = slots.get(id)
    const columns = withRecords(node, slot?.columns ?? emptyColumns(node), [record])
    const next: Slot = {
      record: slot?.record ?? record,
      window,
      columns,
      timestamp: Math.max(slot?.timestamp ?? Number.NEGATIVE_INFINITY, record.timestamp),
      records: (slot?.records ?? 0) + 1,
      held: slot?.held,
    }
    const before = slot && canonicalText(resultOf(node, slot.columns))
    const result = resultOf(node, columns)
    return () => {
      slots.set(id, next)
      if (canonicalText(result) !== before) this.#emitUpdate(node, next, record.ownWatermark)
      this.#emitWhen(node, id, next, record.ownWatermark)
      if (window === undefined) this.#emitAfterCount(node, id, next, record.ownWatermark)
      else if (closesAt(node, next) <= this.#host.reached(node))
        this.#emitFinal(node, next, record.ownWatermark)
    }
  }

  /** A record is late as a window of nothing but itself would be; then the windows of its key are made anew. */
  #amongEvents(node: AggregateNode, window: EventWindow, record: FlowRecord): () => void {
    const { timestamp } = record
    if (this.#isLate(node, { start: timestamp, end: timestamp + 1 }, record))
      return () => this.#host.sendAside(node, 'late', 'late', record)
    const key = canonicalText(bytesOfRecordKey(record))
    const records = this.#recordsOf(node).get(key) ?? []
    const before = this.#openWindowsOf(node, window, records)
    const after = this.#openWindowsOf(node, window, [...records, record])
    for (const slot of after.values()) this.#host.works(slot.records)
    return () => {
      this.#recordsOf(node).set(key, [...records, record])
      for (const start of before.keys()) this.#slotsOf(node).delete(`${start} ${key}`)
      for (const [start, slot] of after) this.#slotsOf(node).set(`${start} ${key}`, slot)
      this.#emitChanges(node, before, after, record)
    }
  }

  #openWindowsOf(
    node: AggregateNode,
    window: EventWindow,
    records: readonly FlowRecord[],
  ): Map<number, Slot> {
    if (window.kind === 'session') return sessionsOf(node, window, records)
    const watermark = this.#host.reached(node)
    const isOpen = ([, slot]: [number, Slot]) =>
      closesAt(node, slot) > watermark && slot.window!.end >= this.#closed.below(node)
    return new Map([...slidingOf(node, window, records)].filter(isOpen))
  }

  #emitChanges(
    node: AggregateNode,
    before: ReadonlyMap<number, Slot>,
    after: ReadonlyMap<number, Slot>,
    { timestamp, ownWatermark }: FlowRecord,
  ): void {
    const holder = [...after.values()].find(
      ({ window }) => window!.start <= timestamp && timestamp <= window!.end,
    )!
    for (const [start, gone] of before)
      if (!after.has(start)) this.#emitUpdate(node, gone, ownWatermark, holder.timestamp)
    const textOf = (slot: Slot | undefined) =>
      slot && canonicalText([resultOf(node, slot.columns), slot.window!.end])
    for (const [start, slot] of after)
      if (textOf(before.get(start)) !== textOf(slot)) this.#emitUpdate(node, slot, ownWatermark)
  }

  #recordsOf(node: AggregateNode): Map<string, FlowRecord[]> {
    if (!this.#inSessions.has(node)) this.#inSessions.set(node, new Map())
    return this.#inSessions.get(node)!
  }

  /** 3.2 (1), by the watermarks as they reach this step. */
  #isLate(node: AggregateNode, window: Window, record: FlowRecord): boolean {
    if (window.start < this.#closed.below(node)) return true
    const { graph } = this.#host
    const own = record.ownWatermark - heldBackBeforeMs(graph, node)
    const endMs = window.end + (node.window as GridWindow | EventWindow).graceMs
    return endMs + allowedLatenessMs(graph, node) <= Math.max(own, this.#host.reached(node))
  }

  /** Hands out what is due, and forgets what takes nothing more. */
  close(node: AggregateNode, watermark: number): void {
    if (node.window!.kind === 'count') return this.#counted.close(node, node.window as CountWindow, watermark)
    const { graph } = this.#host
    const latenessMs = allowedLatenessMs(graph, node)
    const slots = this.#slotsOf(node)
    const due = [...slots].filter(([, slot]) => closesAt(node, slot) <= watermark)
    due.sort(([, a], [, b]) => a.window!.end - b.window!.end)
    for (const [id, slot] of due) {
      const at = closesAt(node, slot)
      if (this.isEnding) this.#closed.closed(node, slot.window!)
      if (at + latenessMs <= watermark) slots.delete(id)
      else slots.set(id, { ...slot, isTold: true })
      if (node.window!.kind === 'session') this.#forget(node, slot)
      if (slot.isTold) continue
      const reached = at - 1 + heldBackBeforeMs(graph, node)
      this.#emitFinal(node, slot, reached, reached)
    }
  }

  #forget(node: AggregateNode, { record, window }: Slot): void {
    const key = canonicalText(bytesOfRecordKey(record))
    const stays = ({ timestamp }: FlowRecord) => timestamp < window!.start || timestamp > window!.end
    this.#recordsOf(node).set(key, this.#recordsOf(node).get(key)!.filter(stays))
  }

  #emitFinal(node: AggregateNode, slot: Slot, ownWatermark: number, reached?: number): void {
    const { end } = slot.window!
    for (const emit of this.#emitsOf(node, 'final'))
      this.#host.send(emit, 'out', {
        ...resultRecord(node, slot, ownWatermark),
        timestamp: isOfEvents(node.window!) ? end : end - 1,
        reached,
      })
  }

  #emitCounted(node: AggregateNode, slot: Slot, ownWatermark: number): void {
    for (const emit of emitsOf(this.#host.graph, node))
      this.#host.send(emit, 'out', resultRecord(node, slot, ownWatermark))
  }

  /** With `deletedAt` the slot is no more since then. */
  #emitUpdate(node: AggregateNode, slot: Slot, ownWatermark: number, deletedAt?: number): void {
    for (const emit of this.#emitsOf(node, 'updates'))
      this.#host.send(emit, 'out', {
        ...resultRecord(node, slot, ownWatermark),
        keyWindowStart: slot.window?.start,
        ...(deletedAt !== undefined && { value: null, timestamp: deletedAt }),
      })
  }

  #emitAfterCount(node: AggregateNode, id: string, slot: Slot, ownWatermark: number): void {
    for (const emit of this.#emitsOf(node, 'count')) {
      const { records, reset } = emit.emission as EmitNode['emission'] & { kind: 'count' }
      if (slot.records! % records !== 0) continue
      if (reset)
        this.#slotsOf(node).set(id, {
          ...slot,
          columns: emptyColumns(node),
          timestamp: Number.NEGATIVE_INFINITY,
          records: 0,
        })
      this.#host.send(emit, 'out', resultRecord(node, slot, ownWatermark))
    }
  }

  #emitWhen(node: AggregateNode, id: string, slot: Slot, ownWatermark: number): void {
    const held = new Set(slot.held)
    for (const emit of this.#emitsOf(node, 'when')) {
      const { predicate, again } = emit.emission as EmitNode['emission'] & { kind: 'when' }
      const row = resultRecord(node, slot, ownWatermark)
      const hasHeld = held.has(emit.id)
      if (hasHeld && !again) continue
      if (predicate(row.value)) held.add(emit.id)
      else held.delete(emit.id)
      this.#slotsOf(node).set(id, { ...slot, held })
      if (held.has(emit.id) && !hasHeld) this.#host.send(emit, 'out', row)
    }
  }

  #emitsOf(node: AggregateNode, kind: EmitNode['emission']['kind']): EmitNode[] {
    return emitsOf(this.#host.graph, node).filter(({ emission }) => emission.kind === kind)
  }

  #slotsOf(node: AggregateNode): Map<string, Slot> {
    if (!this.slots.has(node)) this.slots.set(node, new Map())
    return this.slots.get(node)!
  }
}
