import type { ForEachNode } from '../plan/graph.ts'
import type { StreamRecord } from '../plan/record.ts'
import { encodeKey } from '../serde/key.ts'
import { headerSection } from './outputs.ts'
import { isThenable } from './results.ts'
import type { LeftRecord } from './side-streams.ts'
import type { Task } from './task.ts'

/** One call of an asynchronous `forEach`, waiting or under way. */
interface Effect {
  readonly node: ForEachNode
  readonly value: unknown
  /** The value as it was read, for one that is the source's: what `.failed` keeps. */
  readonly bytes: Buffer | undefined
  readonly record: StreamRecord
}

/** Records that may wait for their call before the task stops reading. */
const queuedMax = 1_000

/**
 * The asynchronous `forEach` calls of one task (SEMANTICS 7.5): at most `concurrency` at once per step, begun
 * in order, retried after its policy; a commit waits for all of them.
 */
export class Effects {
  readonly #task: Task
  readonly #wake: () => void
  readonly #queues = new Map<number, Effect[]>()
  readonly #running = new Map<number, number>()
  #outstanding = 0
  #closed = false

  /** `wake` is called when a call has been settled. */
  constructor(task: Task, wake: () => void) {
    this.#task = task
    this.#wake = wake
  }

  /** No call is waiting or under way: the task may commit. */
  get isIdle(): boolean {
    return this.#outstanding === 0
  }

  get isFull(): boolean {
    return this.#outstanding >= queuedMax
  }

  /**
   * Calls a `forEach` callback, or queues the call behind those under way. The value must be the record's own;
   * `raw` says that it is the source's, so that its bytes are kept for `.failed`.
   */
  call(
    node: ForEachNode,
    raw: boolean,
    value: unknown,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Uint8Array | null | undefined,
  ): void {
    const task = this.#task
    const record = task.record.set(kb, ks, ke, k, task.keyKindInWork, t, h).copy()
    if (this.#isBusy(node)) return this.#add(this.#kept(node, raw, value, record))
    try {
      const result: unknown = node.fn(value, record)
      if (isThenable(result)) this.#follow(this.#kept(node, raw, value, record), Promise.resolve(result))
    } catch (error) {
      if ((node.retry?.retries ?? 0) === 0) task.sides.failed(node.id, error, raw, value, kb, ks, ke, k, t, h)
      else this.#follow(this.#kept(node, raw, value, record), Promise.reject(error))
    }
  }

  /** The record leaves the loop: what its cursor holds is copied. */
  #kept(node: ForEachNode, raw: boolean, value: unknown, record: StreamRecord): Effect {
    const { cursor } = this.#task.input
    const isKept = raw && cursor.valueStart >= 0
    const bytes = isKept ? Buffer.from(cursor.buffer.subarray(cursor.valueStart, cursor.valueEnd)) : undefined
    return { node, value, bytes, record }
  }

  /** True when calls of this step are outstanding, so that a further one must queue to keep the order. */
  #isBusy(node: ForEachNode): boolean {
    return (this.#running.get(node.id) ?? 0) > 0 || (this.#queues.get(node.id)?.length ?? 0) > 0
  }

  #add(effect: Effect): void {
    this.#outstanding++
    const queue = this.#queues.get(effect.node.id)
    if (queue) queue.push(effect)
    else this.#queues.set(effect.node.id, [effect])
    this.#startMore(effect.node)
  }

  /** Follows a call that the loop made itself and that turned out to be asynchronous, or threw and may be retried. */
  #follow(effect: Effect, call: Promise<unknown>): void {
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
      void this.#settle(effect, this.#begin(effect))
    }
  }

  async #begin({ node, value, record }: Effect): Promise<unknown> {
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
          this.#task.sides.failedLater(node, error, this.#left(effect), attempt)
          break
        }
        await new Promise<void>(resolve => this.#task.clock.after(node.retry!.backoffMs, resolve))
        if (this.#closed) return
        call = this.#begin(effect)
      }
    }
    this.#outstanding--
    this.#count(node, -1)
    if (this.#closed) return
    this.#startMore(node)
    this.#wake()
  }

  #left({ value, bytes, record }: Effect): LeftRecord {
    const { topic, offset, timestamp: t } = record
    const into = this.#task.keyBuffer
    into.clear()
    const hasKey = record.key !== null && record.key !== undefined
    const kind = hasKey ? encodeKey(record.key, into) : 0
    const key = hasKey ? Buffer.from(into.buffer.subarray(0, into.position)) : undefined
    const headers = headerSection(Object.fromEntries(record.headers.map(each => [each.name, each.value])))
    return { value, bytes, key, kind, t, headers, topic, offset }
  }

  #withTimeout(call: Promise<unknown>, node: ForEachNode): Promise<unknown> {
    if (!Number.isFinite(node.timeoutMs)) return call
    return new Promise((resolve, reject) => {
      const cancel = this.#task.clock.after(node.timeoutMs, () => {
        reject(new Error(`The call took longer than ${node.timeoutMs} ms`))
      })
      call.then(resolve, reject).finally(cancel)
    })
  }

  #count(node: ForEachNode, change: number): void {
    this.#running.set(node.id, (this.#running.get(node.id) ?? 0) + change)
  }
}
