import type { RecordHeader, StreamRecord } from '../plan/record.ts'
import { readHeaders } from '../record/headers.ts'
import type { KeyKind } from '../serde/serde.ts'
import type { Task } from './task.ts'

/** The `record` argument of callbacks: one object per task, pointed at whatever is in work. */
export class RecordView implements StreamRecord {
  readonly #task: Task
  #keyBytes: Buffer = Buffer.alloc(0)
  #keyStart = -1
  #keyEnd = -1
  #newKey: unknown
  #kind: KeyKind | 0 = 0
  #headers: Uint8Array | null | undefined
  timestamp = 0

  constructor(task: Task) {
    this.#task = task
  }

  /** Points at a record; the arguments are those of `Arrival`. */
  set(
    keyBytes: Buffer,
    keyStart: number,
    keyEnd: number,
    newKey: unknown,
    kind: KeyKind | 0,
    timestamp: number,
    headers: Uint8Array | null | undefined,
  ): this {
    this.#keyBytes = keyBytes
    this.#keyStart = keyStart
    this.#keyEnd = keyEnd
    this.#newKey = newKey
    this.#kind = kind
    this.timestamp = timestamp
    this.#headers = headers
    return this
  }

  get key(): unknown {
    if (this.#newKey !== undefined) return this.#newKey
    if (this.#keyStart < 0) return null
    return this.#task.readKey(this.#kind, this.#keyBytes, this.#keyStart, this.#keyEnd)
  }

  get headers(): readonly RecordHeader[] {
    if (this.#headers === null) return []
    const cursor = this.#task.input.cursor
    const section = this.#headers
    const headers =
      section === undefined
        ? readHeaders(cursor.buffer, cursor.headersStart, cursor.headersEnd)
        : readHeaders(section, 0, section.length)
    return headers.map(({ key, value }) => ({ name: key, value: value ?? new Uint8Array(0) }))
  }

  get topic(): string {
    return this.#task.input.topic
  }

  get partition(): number {
    return this.#task.input.partition
  }

  get offset(): number {
    return this.#task.input.cursor.offset
  }

  copy(): StreamRecord {
    const { key, timestamp, headers, topic, partition, offset } = this
    const kept: StreamRecord = { key, timestamp, headers, topic, partition, offset, copy: () => kept }
    return kept
  }
}
