import type { ProcessNode } from '../../plan/graph.ts'
import { canonicalText } from './bytes.ts'
import { StepFailure } from './callbacks.ts'
import type { StepHost } from './host.ts'
import { bytesOfRecordKey, withResult } from './made-records.ts'
import { callProcess, emptyState, type KeptState, type KeptTimer } from './process.ts'
import type { FlowRecord } from './types.ts'
import { heldBackBeforeMs } from './walk.ts'

/** The process steps of a task: what each keeps under its keys, and the firing of its timers. */
export class ProcessSteps {
  /** No channel has anything more. */
  isEnding = false
  readonly #host: StepHost
  /** By key bytes. */
  readonly #kept = new Map<ProcessNode, Map<string, KeptState>>()
  /** The largest time of a record so far. */
  #largestTime = Number.NEGATIVE_INFINITY

  constructor(host: StepHost) {
    this.#host = host
  }

  noteTime(time: number): void {
    this.#largestTime = Math.max(this.#largestTime, time)
  }

  /** When the timers of a step fire. */
  dues(node: ProcessNode): number[] {
    return [...this.#keptBy(node).values()].flatMap(({ timers }) =>
      timers.filter(timer => !this.#isBeyondEnd(node, timer)).map(({ due }) => due),
    )
  }

  /** Takes a record whose key is one. Does what can fail and gives back what follows. */
  process(node: ProcessNode, record: FlowRecord): () => void {
    const id = canonicalText(bytesOfRecordKey(record))
    const holdMs = heldBackBeforeMs(this.#host.graph, node)
    const watermark = record.reached === undefined ? this.#host.reached(node) : record.reached - holdMs
    const kept = this.#keptBy(node).get(id) ?? emptyState(record)
    const moment = { time: record.timestamp, watermark }
    const called = callProcess(node, kept, moment, record.value, record)
    const results = called.results.map(({ port, result }) => ({ port, sent: withResult(record, result) }))
    return () => {
      this.#keptBy(node).set(id, called.next)
      for (const { port, sent } of results)
        this.#host.send(node, port, { ...sent, keyWindowStart: undefined })
    }
  }

  /** Fires what is due, in order. */
  fireTimers(node: ProcessNode, watermark: number): void {
    const due = [...this.#keptBy(node)].flatMap(([id, kept]) =>
      kept.timers
        .filter(timer => timer.due <= watermark && !this.#isBeyondEnd(node, timer))
        .map(timer => ({ id, kept, timer })),
    )
    due.sort(
      (a, b) =>
        a.timer.due - b.timer.due ||
        Buffer.compare(bytesOfRecordKey(a.kept.record), bytesOfRecordKey(b.kept.record)) ||
        (a.timer.tag < b.timer.tag ? -1 : 1),
    )
    for (const { id, timer } of due) this.#fire(node, id, timer, watermark)
    if (due.length > 0) this.fireTimers(node, watermark)
  }

  /** Such a timer stays for its time, which may come in a later run (3.5). */
  #isBeyondEnd({ timersEnd }: ProcessNode, { generation, due }: KeptTimer): boolean {
    return this.isEnding && (timersEnd || generation > 1) && due > this.#largestTime
  }

  /** The timer is gone, whatever its call does. */
  #fire(node: ProcessNode, id: string, timer: KeptTimer, watermark: number): void {
    const known = this.#keptBy(node).get(id)!
    if (!known.timers.includes(timer)) return
    const kept = { ...known, timers: known.timers.filter(each => each !== timer) }
    this.#keptBy(node).set(id, kept)
    const reached = timer.due + heldBackBeforeMs(this.#host.graph, node) - 1
    const { key, keySerde } = kept.record
    const record = {
      key,
      keySerde,
      value: null,
      timestamp: timer.due,
      headers: [],
      ownWatermark: reached,
      reached,
    }
    try {
      const moment = { time: timer.due, watermark, timer }
      const { next, results } = callProcess(node, kept, moment, undefined, record)
      const sent = results.map(({ port, result }) => [port, withResult(record, result)] as const)
      this.#keptBy(node).set(id, next)
      for (const [port, each] of sent) this.#host.send(node, port, each)
    } catch (failure) {
      if (!(failure instanceof StepFailure)) throw failure
      this.#host.sendAside(node, 'failed', failure.reason, record)
    }
  }

  #keptBy(node: ProcessNode): Map<string, KeptState> {
    if (!this.#kept.has(node)) this.#kept.set(node, new Map())
    return this.#kept.get(node)!
  }
}
