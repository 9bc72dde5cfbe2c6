import type { StreamJoinNode } from '../../plan/graph.ts'
import { canonicalText } from './bytes.ts'
import { call, recordView } from './callbacks.ts'
import type { StepHost } from './host.ts'
import { bytesOfRecordKey, withResult } from './made-records.ts'
import type { FlowRecord } from './types.ts'
import { heldBackBeforeMs } from './walk.ts'

/** 0 is the left one. */
type Side = 0 | 1

interface Waiting {
  readonly side: Side
  readonly record: FlowRecord
  /** The watermark that it was judged by, and the one behind which nothing can meet it. */
  readonly judgedBy: number
  readonly closesAt: number
  hasMet: boolean
  isGone: boolean
}

/** The joins of two streams of a task: every record that ever came, and which of them have met (SEMANTICS 6.3). */
export class StreamJoins {
  /** A bounded run ends: what goes out alone then meets nothing of a later one. */
  isEnding = false
  readonly #host: StepHost
  /** By key bytes. */
  readonly #waiting = new Map<StreamJoinNode, Map<string, Waiting[]>>()

  constructor(host: StepHost) {
    this.#host = host
  }

  /** The watermarks at which records that have met none go out alone. */
  dues(node: StreamJoinNode): number[] {
    return this.#alone(node).map(({ closesAt }) => closesAt)
  }

  /** Takes a record whose key is one. Does what can fail and gives back what follows. */
  arrive(node: StreamJoinNode, side: Side, record: FlowRecord): () => void {
    const own = record.ownWatermark - heldBackBeforeMs(this.#host.graph, node)
    const judgedBy = Math.max(own, this.#host.reached(node))
    const { beforeMs, afterMs, graceMs } = node
    const closesAt = record.timestamp + (side === 0 ? afterMs : beforeMs) + 1 + graceMs
    if (closesAt <= judgedBy) return () => this.#host.sendAside(node, 'late', 'late', record)
    const arrived: Waiting = { side, record, judgedBy, closesAt, hasMet: false, isGone: false }
    const key = canonicalText(bytesOfRecordKey(record))
    const others = this.#under(node, key).filter(other => meets(node, arrived, other))
    const results = others.map(other => {
      const [left, right] = side === 0 ? [arrived, other] : [other, arrived]
      return this.#result(node, left.record, right.record)
    })
    return () => {
      arrived.hasMet = others.length > 0
      for (const other of others) other.hasMet = true
      this.#under(node, key).push(arrived)
      for (const result of results) this.#host.send(node, 'out', result)
    }
  }

  /** Gives what has met none and cannot any more. */
  close(node: StreamJoinNode, watermark: number): void {
    const due = this.#alone(node).filter(({ closesAt }) => closesAt <= watermark)
    due.sort((a, b) => a.closesAt - b.closesAt)
    for (const waiting of due) {
      const { side, record, closesAt } = waiting
      waiting.hasMet = true
      waiting.isGone = this.isEnding
      const [left, right] = side === 0 ? [record, undefined] : [undefined, record]
      const reached = closesAt - 1 + heldBackBeforeMs(this.#host.graph, node)
      this.#host.send(node, 'out', { ...this.#result(node, left, right), ownWatermark: reached, reached })
    }
  }

  #result(node: StreamJoinNode, left: FlowRecord | undefined, right: FlowRecord | undefined): FlowRecord {
    const latest = (of: (record: FlowRecord) => number) =>
      Math.max(...[left, right].flatMap(record => (record === undefined ? [] : [of(record)])))
    const { key, keySerde } = (left ?? right)!
    const made: FlowRecord = {
      key,
      keySerde,
      value: undefined,
      timestamp: latest(({ timestamp }) => timestamp),
      headers: [],
      ownWatermark: latest(({ ownWatermark }) => ownWatermark),
    }
    return withResult(made, call(node.fn, left?.value, right?.value, recordView(made)))
  }

  #alone(node: StreamJoinNode): Waiting[] {
    const goesAlone = (side: Side) => node.how === 'outer' || (node.how === 'left' && side === 0)
    const all = [...(this.#waiting.get(node)?.values() ?? [])].flat()
    return all.filter(({ side, hasMet }) => !hasMet && goesAlone(side))
  }

  #under(node: StreamJoinNode, key: string): Waiting[] {
    if (!this.#waiting.has(node)) this.#waiting.set(node, new Map())
    const keys = this.#waiting.get(node)!
    if (!keys.has(key)) keys.set(key, [])
    return keys.get(key)!
  }
}

/** Each came before the other closed, and their times lie within the interval. */
function meets({ beforeMs, afterMs }: StreamJoinNode, a: Waiting, b: Waiting): boolean {
  if (a.side === b.side || a.isGone || b.isGone || a.closesAt <= b.judgedBy || b.closesAt <= a.judgedBy)
    return false
  const [left, right] = a.side === 0 ? [a.record, b.record] : [b.record, a.record]
  const apartMs = right.timestamp - left.timestamp
  return apartMs >= -beforeMs && apartMs <= afterMs
}
