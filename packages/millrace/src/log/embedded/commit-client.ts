import { isMarkedAsUntransferable, type MessagePort } from 'node:worker_threads'
import { isPadded } from '../../record/batch.ts'
import { PADDING_BYTES } from '../../record/layout.ts'
import { LogError, type OutgoingBatch } from '../log.ts'
import type { AnswerOf, FromThread, Operation, RequestOf, ToThread } from './protocol.ts'
import { fromWire } from './wire-error.ts'

export interface CommitClientEvents {
  onChanged(memberId: string): void
  onWarning(message: string): void
}

interface Pending {
  readonly operation: Operation
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

/** A handle's end of the way to the commit thread. */
export class CommitClient {
  readonly #port: MessagePort
  readonly #pending = new Map<number, Pending>()
  #nextId = 1
  /** Open questions and members; while there are any, the process stays alive. */
  #holds = 0
  #closed = false
  #reason: LogError | undefined

  constructor(port: MessagePort, events: CommitClientEvents) {
    this.#port = port
    port.on('message', (message: FromThread) => {
      if ('changed' in message) events.onChanged(message.changed)
      else if ('warning' in message) events.onWarning(message.warning)
      else this.#settle(message)
    })
    port.on('close', () => this.#gone())
    port.unref()
  }

  /** Sends a request; rejects with what the log threw, or `LogError` `closed` when the thread is gone. */
  ask<O extends Operation>(
    operation: O,
    request: RequestOf<O>,
    transfer: (ArrayBuffer | MessagePort)[] = [],
  ): Promise<AnswerOf<O>> {
    if (this.#closed) return Promise.reject(this.#closedError())
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#port.postMessage({ id, operation, request } satisfies ToThread, transfer)
      this.hold()
      this.#pending.set(id, { operation, resolve: resolve as (answer: unknown) => void, reject })
    })
  }

  /** Keeps the process alive until `release`: a member that has nothing to do waits for what others leave it. */
  hold(): void {
    if (this.#holds++ === 0) this.#port.ref()
  }

  release(): void {
    if (--this.#holds === 0) this.#port.unref()
  }

  confirm(memberId: string): void {
    if (!this.#closed) this.#port.postMessage({ confirmed: memberId } satisfies ToThread)
  }

  close(): void {
    this.#port.close()
    this.#gone()
  }

  /** The commit thread died of an error. */
  fail(error: Error): void {
    const message = `The log's commit thread failed (${error.message}): restart the process`
    this.#reason ??= new LogError('unavailable', message, { cause: error })
    this.close()
  }

  #settle(message: Extract<FromThread, { id: number }>): void {
    const pending = this.#pending.get(message.id)
    if (pending === undefined) return
    this.#pending.delete(message.id)
    this.release()
    if ('answer' in message) pending.resolve(message.answer)
    else pending.reject(fromWire(message.failure))
  }

  #gone(): void {
    this.#closed = true
    for (const { reject } of this.#pending.values()) reject(this.#closedError())
    this.#pending.clear()
  }

  #closedError(): LogError {
    return this.#reason ?? new LogError('closed', 'The log is closed')
  }
}

/** Batches ready to be sent: in memory that goes along without a copy where a batch has it to itself. */
export function packBatches(batches: readonly OutgoingBatch[]): {
  batches: OutgoingBatch[]
  transfer: ArrayBuffer[]
} {
  const transfer = new Set<ArrayBuffer>()
  const packed = batches.map(({ topic, partition, bytes }) => {
    const own = ownsItsMemory(bytes) && !transfer.has(bytes.buffer as ArrayBuffer) ? bytes : copyOf(bytes)
    transfer.add(own.buffer as ArrayBuffer)
    return { topic, partition, bytes: own }
  })
  return { batches: packed, transfer: [...transfer] }
}

/** At most as much slack as the batch writer leaves; more may be somebody else's. */
function ownsItsMemory(bytes: Uint8Array): boolean {
  const { buffer, byteOffset, byteLength } = bytes
  if (byteOffset !== 0 || !isPadded(bytes) || !(buffer instanceof ArrayBuffer)) return false
  return buffer.byteLength <= 2 * (byteLength + PADDING_BYTES) + 256 && !isMarkedAsUntransferable(buffer)
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes.length + PADDING_BYTES)
  copy.set(bytes)
  return copy.subarray(0, bytes.length)
}
