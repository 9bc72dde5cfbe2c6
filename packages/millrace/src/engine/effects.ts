import type { ForEachNode } from '../plan/graph.ts'
import type { StreamRecord } from '../plan/record.ts'
import type { Clock } from '../std/clock.ts'

/** One call of an asynchronous `forEach`, waiting or under way. */
interface Effect {
  readonly node: ForEachNode
  readonly value: unknown
  readonly record: StreamRecord
  readonly failed: (error: unknown, attempt: number) => void
}

/** Records that may wait for their call before the task stops reading. */
const queuedMax = 1_000

/**
 * The asynchronous `forEach` calls of one task (SEMANTICS 7.5): at most `concurrency` at once per step, begun
 * in order, retried after its policy; a commit waits for all of them.
 */
export class Effects {
  readonly #clock: Clock
  readonly #wake: () => void
  readonly #queues = new Map<number, Effect[]>()
  readonly #running = new Map<number, number>()
  #outstanding = 0
  #closed = false

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock
    this.#wake = wake
  }

  /** No call is waiting or under way: the task may commit. */
  get isIdle(): boolean {
    return this.#outstanding === 0
  }

  get isFull(): boolean {
    return this.#outstanding >= queuedMax
  }

  /** True when calls of this step are outstanding, so that a further one must queue to keep the order. */
  isBusy(node: ForEachNode): boolean {
    return (this.#running.get(node.id) ?? 0) > 0 || (this.#queues.get(node.id)?.length ?? 0) > 0
  }

  /** Queues a call. */
  add(effect: Effect): void {
    this.#outstanding++
    const queue = this.#queues.get(effect.node.id)
    if (queue) queue.push(effect)
    else this.#queues.set(effect.node.id, [effect])
    this.#startMore(effect.node)
  }

  /** Follows a call that the loop made itself and that turned out to be asynchronous, or threw and may be retried. */
  follow(effect: Effect, call: Promise<unknown>): void {
    this.#outstanding++
    this.#count(effect.node, 1)
    void this.#settle(effect, call)
  }

  /** After a loss of the task nothing more is started, and nothing settled is reported. */
  close(): void {
    this.#closed = true
    this.#queues.clear()
  }

  #startMore(node: ForEachNode): void {
    const queue = this.#queues.get(node.id)
    while (queue !== undefined && queue.length > 0 && (this.#running.get(node.id) ?? 0) < node.concurrency) {
      this.#count(node, 1)
      const effect = queue.shift()!
      void this.#settle(effect, this.#call(effect))
    }
  }

  async #call({ node, value, record }: Effect): Promise<unknown> {
    return node.fn(value, record)
  }

  async #settle(effect: Effect, first: Promise<unknown>): Promise<void> {
    const { node } = effect
    let call = first
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#withTimeout(call, node)
        break
      } catch (error) {
        if (this.#closed) return
        if (attempt >= (node.retry?.retries ?? 0)) {
          effect.failed(error, attempt)
          break
        }
        await new Promise<void>(resolve => this.#clock.after(node.retry!.backoffMs, resolve))
        if (this.#closed) return
        call = this.#call(effect)
      }
    }
    this.#outstanding--
    this.#count(node, -1)
    if (this.#closed) return
    this.#startMore(node)
    this.#wake()
  }

  #withTimeout(call: Promise<unknown>, node: ForEachNode): Promise<unknown> {
    if (!Number.isFinite(node.timeoutMs)) return call
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(node.timeoutMs, () => {
        reject(new Error(`The call took longer than ${node.timeoutMs} ms`))
      })
      call.then(resolve, reject).finally(cancel)
    })
  }

  #count(node: ForEachNode, change: number): void {
    this.#running.set(node.id, (this.#running.get(node.id) ?? 0) + change)
  }
}
