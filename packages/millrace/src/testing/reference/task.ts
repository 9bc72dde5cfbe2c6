import type { AsyncMapNode, Graph, PlanNode, Port, ToTopicNode } from '../../plan/graph.ts'
import type { StatefulNode } from '../../plan/stateful.ts'
import type { KeyKind } from '../../serde/serde.ts'
import { AggregateSteps } from './aggregate-steps.ts'
import { answered } from './answer.ts'
import { canonicalText, kindOfKey } from './bytes.ts'
import { call, frozen, recordView, StepFailure } from './callbacks.ts'
import type { Channel, ChooseChannel, TaskOutlet } from './channels.ts'
import type { StepHost } from './host.ts'
import type { EntryNode } from './layout.ts'
import { asWritten, bytesOfRecordKey, keyAsWritten, reKeyed, withResult } from './made-records.ts'
import { ProcessSteps } from './process-steps.ts'
import { movesTime } from './source.ts'
import { StreamJoins } from './stream-joins.ts'
import { Tables } from './tables.ts'
import type { ChannelItem, FlowRecord, SidePort, SideReason } from './types.ts'
import { consumersOf, heldBackBeforeMs, heldBackMs, smallestOf } from './walk.ts'

/** One task as SEMANTICS 1 to 7 describe it, a record at a time; its state is a Map per step. */
export class SequentialTask {
  readonly #graph: Graph
  readonly #nodes: readonly PlanNode[]
  readonly #channels: readonly Channel[]
  readonly #outlet: TaskOutlet
  readonly #keyKinds = new Map<StatefulNode, KeyKind>()
  readonly #channelWatermarks: number[]
  /** The watermark that has reached each node; a node that no channel reaches has none. */
  readonly #watermarks = new Map<PlanNode, number>()

  readonly aggregates: AggregateSteps
  readonly #processes: ProcessSteps
  readonly #joins: StreamJoins
  readonly #tables: Tables

  constructor(graph: Graph, nodes: readonly PlanNode[], channels: readonly Channel[], outlet: TaskOutlet) {
    this.#graph = graph
    this.#nodes = nodes
    this.#channels = channels
    this.#outlet = outlet
    this.#channelWatermarks = channels.map(() => Number.NEGATIVE_INFINITY)
    const host: StepHost = {
      graph,
      reached: node => this.#watermarks.get(node) ?? Number.NEGATIVE_INFINITY,
      send: (node, port, record) => this.#send(node, port, record),
      works: records => outlet.works(records),
      sendAside: (node, port, reason, record) => this.#sendAside(node, port, reason, record),
    }
    this.aggregates = new AggregateSteps(host)
    this.#processes = new ProcessSteps(host)
    this.#joins = new StreamJoins(host)
    this.#tables = new Tables(host, (node, key) => this.aggregates.slotOf(node, key))
  }

  /** Takes everything that the channels bring. */
  run(choose: ChooseChannel): void {
    const next = this.#channels.map(() => 0)
    for (;;) {
      const heads = this.#channels.flatMap(({ items }, channel) => {
        const item = items[next[channel]!]
        // Behind its end a channel waits for the others.
        return item === undefined || item.kind === 'end' ? [] : [{ channel, item }]
      })
      if (heads.length === 0) {
        if (this.#channels.every(({ items }, channel) => next[channel]! >= items.length)) return
        for (const channel of next.keys()) next[channel]!++
        this.#endRun()
        continue
      }
      const { channel, item } = choose(heads)
      next[channel]!++
      this.#take(channel, item)
    }
  }

  #take(channel: number, item: ChannelItem): void {
    const { entry } = this.#channels[channel]!
    if (item.kind === 'end') return
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
    if (watermark < channels[channel]!) return
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

  /**
   * The end of a bounded run that another one follows (3.5): time goes to the largest watermark of the channels, then on until everything
   * that is open has closed, and then back.
   */
  #endRun(): void {
    const channels = this.#channelWatermarks
    const largest = Math.max(...channels)
    for (const channel of channels.keys()) this.#raise(channel, largest)
    this.aggregates.isEnding = true
    this.#joins.isEnding = true
    for (const channel of channels.keys()) this.#raise(channel, Number.POSITIVE_INFINITY)
    this.aggregates.endRun()
    this.#joins.isEnding = false
    this.#processes.isEnding = false
    channels.fill(largest)
    for (const node of this.#nodes) {
      const watermark = this.#watermarkInto(node)
      if (watermark !== undefined) this.#watermarks.set(node, watermark)
      if (node.kind === 'keyBy') this.#outlet.repartitionEnd(node)
    }
  }

  /** The smallest watermark above `reached` at which a window closes or a timer fires. */
  #nextDue(reached: number): number {
    const dues = this.#nodes.flatMap(node => {
      const holdMs = heldBackBeforeMs(this.#graph, node)
      return this.#duesOf(node).map(due => due + holdMs)
    })
    return Math.min(...dues.filter(due => due > reached))
  }

  #duesOf(node: PlanNode): number[] {
    if (node.kind === 'process') return this.#processes.dues(node)
    if (node.kind === 'streamJoin') return this.#joins.dues(node)
    return node.kind === 'aggregate' ? this.aggregates.dues(node) : []
  }

  /** Brings the watermark to every node, inputs first; rows that become due leave before it goes on (3.2). */
  #advance(): void {
    for (const node of this.#nodes) {
      const watermark = this.#watermarkInto(node)
      if (watermark === undefined) continue
      this.#watermarks.set(node, watermark)
      if (node.kind === 'aggregate' && node.window !== undefined) this.aggregates.close(node, watermark)
      if (node.kind === 'streamJoin') this.#joins.close(node, watermark)
      if (node.kind === 'process') this.#processes.fireTimers(node, watermark)
      if (node.kind === 'keyBy' && !this.aggregates.isEnding)
        this.#outlet.repartitionWatermark(node, watermark)
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
      this.#receive(node, input, { ...record, lane, value: frozen(record.value) })
    }
  }

  #sendAside(from: PlanNode, port: SidePort, reason: SideReason, record: FlowRecord): void {
    if (consumersOf(this.#graph, from, port).length > 0) this.#send(from, port, record)
    else this.#outlet.toSide(from, port, reason, record)
  }

  #receive(node: PlanNode, input: number, record: FlowRecord): void {
    this.#outlet.works(1)
    let effects: () => void
    try {
      effects = this.#effectsOf(node, input, record)
    } catch (failure) {
      if (!(failure instanceof StepFailure)) throw failure
      this.#sendAside(node, 'failed', failure.reason, record)
      return
    }
    effects()
  }

  /** Does what can fail and gives back what follows, so that a failure has changed nothing. */
  #effectsOf(node: PlanNode, input: number, record: FlowRecord): () => void {
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
        this.#checkKey(node, record)
        return this.aggregates.add(node, record)
      case 'streamJoin':
        this.#checkKey(node, record)
        return this.#joins.arrive(node, input as 0 | 1, record)
      case 'table':
        this.#checkKey(node, record)
        return this.#tables.change(node, record)
      case 'tableJoin':
        this.#checkKey(node, record)
        return this.#tables.join(node, record)
      case 'lookup': {
        const found = this.#tables.lookUp(node, record)
        return () => (found === undefined ? undefined : this.#send(node, 'out', found))
      }
      case 'asyncMap': {
        const result = withResult(record, answered(node, record))
        return () =>
          this.#send(node, 'out', { ...result, lane: laneOfCalls(node, record), reached: undefined })
      }
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

  #checkKey(node: StatefulNode, record: FlowRecord): void {
    if (record.key === null || record.key === undefined)
      throw new StepFailure('no-key', 'the record has no key')
    const kind = record.keySerde?.kind ?? kindOfKey(record.key)
    const known = this.#keyKinds.get(node)
    if (known !== undefined && known !== kind) throw new StepFailure('key-kind', 'the key is of another kind')
    this.#keyKinds.set(node, kind)
  }
}

/** Only results of one key keep their order, and only where that is asked. */
function laneOfCalls({ id, order }: AsyncMapNode, record: FlowRecord): string | undefined {
  if (record.lane === undefined || record.key === null || order === 'none') return undefined
  return `${record.lane} ${id}:${canonicalText(bytesOfRecordKey(record))}`
}
