import type { OutgoingBatch } from '../log.ts'
import { AppendSender, topicsOf, type WaitingAppend } from './append-sender.ts'
import type { Cluster } from './cluster.ts'
import { checkPlaces, checkWhole } from './producer.ts'

/** What is under way for longer lets the appends to other topics pass. */
const SLOW_MS = 500

/**
 * Appends outside transactions, idempotently and in order within a topic. What comes while a request is under way goes together with
 * the next, unless that takes long, as behind a topic that lacks replicas: then other topics go beside it.
 */
export class Appender {
  readonly #cluster: Cluster
  readonly #senders: AppendSender[] = []
  #waiting: WaitingAppend[] = []

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async append(batches: readonly OutgoingBatch[]): Promise<number[]> {
    if (batches.length === 0) return []
    checkWhole(batches)
    await checkPlaces(this.#cluster, batches)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batches, resolve, reject })
      this.#sendNext()
    })
  }

  #sendNext(): void {
    if (this.#senders.some(({ isIdle, isSlow }) => !isIdle && !isSlow)) return
    const taken = this.#takeFree()
    if (taken.length > 0) void this.#send(this.#idleSender(), taken)
  }

  async #send(sender: AppendSender, taken: readonly WaitingAppend[]): Promise<void> {
    const cancel = this.#cluster.clock.after(SLOW_MS, () => {
      sender.isSlow = true
      this.#sendNext()
    })
    const again = await sender.send(taken)
    cancel()
    this.#waiting = [...again, ...this.#waiting]
    this.#sendNext()
  }

  /** Takes what is for no topic that something older is under way or waits for: a topic's appends stay in order. */
  #takeFree(): WaitingAppend[] {
    const held = new Set(this.#senders.flatMap(({ topics }) => [...topics]))
    const free: WaitingAppend[] = []
    const left: WaitingAppend[] = []
    for (const waiting of this.#waiting) {
      const topics = topicsOf(waiting)
      if (topics.some(topic => held.has(topic))) {
        for (const topic of topics) held.add(topic)
        left.push(waiting)
      } else free.push(waiting)
    }
    this.#waiting = left
    return free
  }

  /** A broker answers the requests of a connection in turn, so each sender has a lane of its own. */
  #idleSender(): AppendSender {
    const idle = this.#senders.find(({ isIdle }) => isIdle)
    if (idle !== undefined) return idle
    const count = this.#senders.length
    const sender = new AppendSender(this.#cluster, count === 0 ? 'produce' : `produce-${count}`)
    this.#senders.push(sender)
    return sender
  }
}
