import type { AggregateNode, Graph, KeyByNode, PlanNode, Port, ToTopicNode } from '../../plan/graph.ts'
import type { StatefulNode } from '../../plan/stateful.ts'
import type { KeyKind } from '../../serde/serde.ts'
import type { CountWindow } from '../../window/count-window.ts'
import { type EventWindow, type GridWindow, isOfEvents } from '../../window/window.ts'
import { emptyColumns, resultOf, type Slot, type Window, windowsAt, withRecord } from './aggregate.ts'
import { canonicalText, kindOfKey } from './bytes.ts'
import { call, frozen, recordView, StepFailure } from './callbacks.ts'
import { CountedSteps } from './counted-steps.ts'
import { closesAt, sessionsOf, slidingOf } from './event-windows.ts'
import type { EntryNode } from './layout.ts'
import { asWritten, bytesOfRecordKey, keyAsWritten, reKeyed, withResult } from './made-records.ts'
import { ProcessSteps } from './process-steps.ts'
import { resultRecord } from './rows.ts'
import { movesTime } from './source.ts'
import type { ChannelItem, FlowRecord, SidePort, SideReason } from './types.ts'
import { consumersOf, emitsOf, heldBackBeforeMs, heldBackMs, smallestOf } from './walk.ts'

/** What a task reads: one source partition, or what one upstream task wrote into its repartition partition. */
export interface Channel {
  readonly entry: EntryNode
  readonly items: readonly ChannelItem[]
}

/** The next item of a channel. */
export interface Head {
  readonly channel: number
  readonly item: ChannelItem
}

/** Picks which channel of a task goes on; each channel keeps its order whatever is picked. */
export type ChooseChannel = (heads: readonly Head[]) => Head

/** The head with the smallest time; what has none, and watermarks, as soon as they are heads. */
export function earliestHead(heads: readonly Head[]): Head {
  const timeOf = ({ item }: Head) =>
    item.kind === 'record' ? item.record.timestamp : Number.NEGATIVE_INFINITY
  return heads.reduce((earliest, head) => (timeOf(head) < timeOf(earliest) ? head : earliest))
}

/** Where what leaves a task goes. */
export interface TaskOutlet {
  toTopic(node: ToTopicNode, key: Uint8Array | null, record: FlowRecord): void
  toSide(node: PlanNode, port: SidePort, reason: SideReason, record: FlowRecord): void
  repartition(node: KeyByNode, record: FlowRecord): void
  repartitionWatermark(node: KeyByNode, watermark: number): void
}

/** One task as SEMANTICS 1 to 5 describe it, a record at a time; its state is a Map per aggregate step. */
export class SequentialTask {
  readonly #graph: Graph
  readonly #nodes: readonly PlanNode[]
  readonly #channels: readonly Channel[]
  readonly #outlet: TaskOutlet
  /** Per aggregate step, by key bytes and window start. */
  readonly slots = new Map<AggregateNode, Map<string, Slot>>()
  readonly #counted = new CountedSteps((node, slot, watermark) => this.#emitCounted(node, slot, watermark))
  /** Of steps with sessions: the records of each key that no session has closed over, in the order they came. */
  readonly #inSessions = new Map<AggregateNode, Map<string, FlowRecord[]>>()
  readonly #keyKinds = new Map<StatefulNode, KeyKind>()
  readonly #channelWatermarks: number[]
  /** The watermark that has reached each node; a node that no channel reaches has none. */
  readonly #watermarks = new Map<PlanNode, number>()

  readonly #processes: ProcessSteps

  constructor(graph: Graph, nodes: readonly PlanNode[], channels: readonly Channel[], outlet: TaskOutlet) {
    this.#graph = graph
    this.#nodes = nodes
    this.#channels = channels
    this.#outlet = outlet
    this.#channelWatermarks = channels.map(() => Number.NEGATIVE_INFINITY)
    this.#processes = new ProcessSteps({
      graph,
      reached: node => this.#watermarks.get(node) ?? Number.NEGATIVE_INFINITY,
      send: (node, port, record) => this.#send(node, port, record),
      fail: (node, { reason }, record) => this.#sendAside(node, 'failed', reason, record),
    })
  }

  /** Takes everything that the channels bring. */
  run(choose: ChooseChannel): void {
    const next = this.#channels.map(() => 0)
    for (;;) {
      const heads = this.#channels.flatMap(({ items }, channel) => {
        const item = items[next[channel]!]
        return item === undefined ? [] : [{ channel, item }]
      })
      if (heads.length === 0) return
      const { channel, item } = choose(heads)
      next[channel]!++
      this.#take(channel, item)
    }
  }

  #take(channel: number, item: ChannelItem): void {
    const { entry } = this.#channels[channel]!
    if (item.kind === 'watermark') return this.#raise(channel, item.watermark)
    if (movesTime(entry, item)) this.#processes.noteTime(item.record.timestamp)
    if (item.kind === 'record') this.#send(entry, 'out', item.record)
    else this.#sendAside(entry, item.port, item.reason, item.record)
    // A timer that was set to a time that is past already.
    for (const node of this.#nodes)
      if (node.kind === 'process' && this.#watermarks.has(node))
        this.#processes.fireTimers(node, this.#watermarks.get(node)!)
  }

  /** Time passes from one thing that is due to the next, so that all of it happens in order. */
  #raise(channel: number, watermark: number): void {
    const channels = this.#channelWatermarks
    this.#processes.isEnding = channels.every(
      (each, i) => (i === channel ? watermark : each) === Number.POSITIVE_INFINITY,
    )
    for (let due = this.#nextDue(channels[channel]!); due < watermark; due = this.#nextDue(due)) {
      channels[channel] = due
      this.#advance()
    }
    channels[channel] = watermark
    this.#advance()
  }

  /** The smallest watermark above `reached` at which a window closes or a timer fires. */
  #nextDue(reached: number): number {
    const dues = this.#nodes.flatMap(node => {
      const holdMs = heldBackBeforeMs(this.#graph, node)
      if (node.kind === 'process') return this.#processes.dues(node).map(due => due + holdMs)
      if (node.kind !== 'aggregate' || node.window === undefined) return []
      return [...this.#slotsOf(node).values()].map(slot => closesAt(node, slot) + holdMs)
    })
    return Math.min(...dues.filter(due => due > reached))
  }

  /** Brings the watermark to every node, inputs first; rows that become due leave before it goes on (3.2). */
  #advance(): void {
    for (const node of this.#nodes) {
      const watermark = this.#watermarkInto(node)
      if (watermark === undefined) continue
      this.#watermarks.set(node, watermark)
      if (node.kind === 'aggregate' && node.window !== undefined) this.#closeWindows(node, watermark)
      if (node.kind === 'process') this.#processes.fireTimers(node, watermark)
      if (node.kind === 'keyBy') this.#outlet.repartitionWatermark(node, watermark)
    }
  }

  #watermarkInto(node: PlanNode): number | undefined {
    if (node.kind === 'source') return this.#watermarkOfEntry(node)
    const watermarks = node.inputs.map(({ from, port }) => {
      const input = this.#graph.nodes[from]!
      if (input.kind === 'keyBy' && port === 'out') return this.#watermarkOfEntry(input)
      const watermark = this.#watermarks.get(input)
      return watermark === undefined ? undefined : watermark - heldBackMs(this.#graph, input)
    })
    return smallestOf(watermarks)
  }

  #watermarkOfEntry(entry: EntryNode): number | undefined {
    return smallestOf(this.#channelWatermarks.filter((_, i) => this.#channels[i]!.entry === entry))
  }

  #send(from: PlanNode, port: Port, record: FlowRecord): void {
    for (const [node, input] of consumersOf(this.#graph, from, port)) {
      if (!this.#nodes.includes(node)) continue
      const lane =
        record.lane !== undefined && node.kind === 'merge'
          ? `${record.lane} ${node.id}.${input}`
          : record.lane
      this.#receive(node, { ...record, lane, value: frozen(record.value) })
    }
  }

  #sendAside(from: PlanNode, port: SidePort, reason: SideReason, record: FlowRecord): void {
    if (consumersOf(this.#graph, from, port).length > 0) this.#send(from, port, record)
    else this.#outlet.toSide(from, port, reason, record)
  }

  #receive(node: PlanNode, record: FlowRecord): void {
    let effects: () => void
    try {
      effects = this.#effectsOf(node, record)
    } catch (failure) {
      if (!(failure instanceof StepFailure)) throw failure
      this.#sendAside(node, 'failed', failure.reason, record)
      return
    }
    effects()
  }

  /** Does what can fail and gives back what follows, so that a failure has changed nothing. */
  #effectsOf(node: PlanNode, record: FlowRecord): () => void {
    const { value } = record
    const view = recordView(record)
    switch (node.kind) {
      case 'merge':
      case 'byKey':
        return () => this.#send(node, 'out', record)
      case 'filter': {
        const kept = call(node.fn, value, view)
        return () => (kept ? this.#send(node, 'out', record) : undefined)
      }
      case 'peek':
        call(node.fn, value, view)
        return () => this.#send(node, 'out', record)
      case 'map': {
        const mapped = withResult(record, call(node.fn, value, view))
        return () => this.#send(node, 'out', mapped)
      }
      case 'flatMap': {
        const results = call(() => [...node.fn(value, view)]).map(result => withResult(record, result))
        return () => {
          for (const result of results) this.#send(node, 'out', result)
        }
      }
      case 'branch': {
        const taken = node.cases.find(({ fn }) => call(fn, value, view))
        return () => this.#send(node, `case:${taken?.name ?? 'otherwise'}`, record)
      }
      case 'keyBy': {
        const rekeyed = reKeyed(node, record)
        const ownWatermark = record.ownWatermark - heldBackBeforeMs(this.#graph, node)
        return () => this.#outlet.repartition(node, { ...rekeyed, ownWatermark, reached: undefined })
      }
      case 'aggregate':
        return this.#aggregate(node, record)
      case 'process':
        this.#checkKey(node, record)
        return this.#processes.process(node, record)
      case 'to':
        return this.#write(node, record)
      case 'forEach':
        call(node.fn, value, view)
        return () => {}
      case 'toFile':
      case 'print':
        return () => {}
      default:
        throw new Error(`the reference model met a ${node.kind} step inside a stream`)
    }
  }

  #write(node: ToTopicNode, record: FlowRecord): () => void {
    const written = { ...record, value: call(() => asWritten(node, record.value)) }
    const key = call(() => keyAsWritten(node, record))
    return () => this.#outlet.toTopic(node, key, written)
  }

  #aggregate(node: AggregateNode, record: FlowRecord): () => void {
    this.#checkKey(node, record)
    if (node.window?.kind === 'count') return this.#counted.add(node, node.window, record)
    if (node.window !== undefined && isOfEvents(node.window))
      return this.#amongEvents(node, node.window, record)
    const windows = node.window === undefined ? [undefined] : windowsAt(node.window, record.timestamp)
    const open = windows.filter(window => window === undefined || !this.#isLate(node, window, record))
    if (open.length === 0) return () => this.#sendAside(node, 'late', 'late', record)
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
    const columns = withRecord(node, slot?.columns ?? emptyColumns(node), record.value, recordView(record))
    const next: Slot = {
      record: slot?.record ?? record,
      window,
      columns,
      timestamp: Math.max(slot?.timestamp ?? Number.NEGATIVE_INFINITY, record.timestamp),
    }
    const before = slot && canonicalText(resultOf(node, slot.columns))
    const result = resultOf(node, columns)
    return () => {
      slots.set(id, next)
      if (canonicalText(result) !== before) this.#emitUpdate(node, next, record.ownWatermark)
    }
  }

  /** A record is late as a window of nothing but itself would be; then the windows of its key are made anew. */
  #amongEvents(node: AggregateNode, window: EventWindow, record: FlowRecord): () => void {
    const { timestamp } = record
    if (this.#isLate(node, { start: timestamp, end: timestamp + 1 }, record))
      return () => this.#sendAside(node, 'late', 'late', record)
    const key = canonicalText(bytesOfRecordKey(record))
    const records = this.#recordsOf(node).get(key) ?? []
    const before = this.#openWindowsOf(node, window, records)
    const after = this.#openWindowsOf(node, window, [...records, record])
    return () => {
      this.#recordsOf(node).set(key, [...records, record])
      for (const start of before.keys()) this.#slotsOf(node).delete(`${start} ${key}`)
      for (const [start, slot] of after) this.#slotsOf(node).set(`${start} ${key}`, slot)
      this.#emitChanges(node, before, after, record)
    }
  }

  #emitCounted(node: AggregateNode, slot: Slot, ownWatermark: number): void {
    for (const emit of emitsOf(this.#graph, node))
      this.#send(emit, 'out', resultRecord(node, slot, ownWatermark))
  }

  #openWindowsOf(
    node: AggregateNode,
    window: EventWindow,
    records: readonly FlowRecord[],
  ): Map<number, Slot> {
    if (window.kind === 'session') return sessionsOf(node, window, records)
    const watermark = this.#watermarks.get(node) ?? Number.NEGATIVE_INFINITY
    const isOpen = ([, slot]: [number, Slot]) => closesAt(node, slot) > watermark
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

  #checkKey(node: StatefulNode, record: FlowRecord): void {
    if (record.key === null || record.key === undefined)
      throw new StepFailure('no-key', 'the record has no key')
    const kind = record.keySerde?.kind ?? kindOfKey(record.key)
    const known = this.#keyKinds.get(node)
    if (known !== undefined && known !== kind) throw new StepFailure('key-kind', 'the key is of another kind')
    this.#keyKinds.set(node, kind)
  }

  /** 3.2 (1), by the watermarks as they reach this step. */
  #isLate(node: AggregateNode, window: Window, record: FlowRecord): boolean {
    const own = record.ownWatermark - heldBackBeforeMs(this.#graph, node)
    const task = this.#watermarks.get(node) ?? Number.NEGATIVE_INFINITY
    return window.end + (node.window as GridWindow | EventWindow).graceMs <= Math.max(own, task)
  }

  #closeWindows(node: AggregateNode, watermark: number): void {
    const slots = this.#slotsOf(node)
    const due = [...slots].filter(([, slot]) => closesAt(node, slot) <= watermark)
    due.sort(([, a], [, b]) => a.window!.end - b.window!.end)
    if (node.window!.kind === 'count') return this.#counted.close(node, node.window as CountWindow, watermark)
    const ofEvents = isOfEvents(node.window!)
    for (const [id, slot] of due) {
      slots.delete(id)
      if (node.window!.kind === 'session') this.#forget(node, slot)
      const reached = closesAt(node, slot) - 1 + heldBackBeforeMs(this.#graph, node)
      for (const emit of emitsOf(this.#graph, node))
        if (emit.emission.kind === 'final')
          this.#send(emit, 'out', {
            ...resultRecord(node, slot, reached),
            timestamp: ofEvents ? slot.window!.end : slot.window!.end - 1,
            reached,
          })
    }
  }

  #forget(node: AggregateNode, { record, window }: Slot): void {
    const key = canonicalText(bytesOfRecordKey(record))
    const stays = ({ timestamp }: FlowRecord) => timestamp < window!.start || timestamp > window!.end
    this.#recordsOf(node).set(key, this.#recordsOf(node).get(key)!.filter(stays))
  }

  /** With `deletedAt` the slot is no more since then. */
  #emitUpdate(node: AggregateNode, slot: Slot, ownWatermark: number, deletedAt?: number): void {
    for (const emit of emitsOf(this.#graph, node))
      if (emit.emission.kind !== 'final')
        this.#send(emit, 'out', {
          ...resultRecord(node, slot, ownWatermark),
          keyWindowStart: slot.window?.start,
          ...(deletedAt !== undefined && { value: null, timestamp: deletedAt }),
        })
  }

  #slotsOf(node: AggregateNode): Map<string, Slot> {
    if (!this.slots.has(node)) this.slots.set(node, new Map())
    return this.slots.get(node)!
  }
}
