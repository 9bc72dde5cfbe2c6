import assert from 'node:assert/strict'
import { it } from 'node:test'
import { RecordCursor } from '../../record/cursor.ts'
import type { Header } from '../../record/headers.ts'
import { encodeHeaders } from '../../record/headers.ts'
import { BatchWriter } from '../../record/writer.ts'
import type { FetchOptions, FetchPosition, Log, OutgoingBatch, TopicPartition } from '../log.ts'

/** One fresh, empty store that several handles, each like a process, can open. */
export interface ConformanceStore {
  open(): Promise<Log>
  /** Ends every open handle without leaving groups, as if the machine restarted; the data stay. */
  restart(): Promise<void>
  /** Lets time pass: moves an injected clock on, or waits. Callbacks and answers that are due have been given afterwards. */
  advance(ms: number): Promise<void>
  /** The wall time the log sees. */
  now(): number
  /** Puts the wall time that `clean` goes by forward, without waiting; absent where a log cannot be cleaned. */
  leap?(ms: number): void
  /** Stops the heartbeats and callbacks of a handle, as SIGSTOP would; absent where a store cannot do that. */
  freeze?(log: Log): Promise<void>
  thaw?(log: Log): Promise<void>
  /** Closes every handle and removes the data. */
  destroy(): Promise<void>
}

export type StoreFactory = () => Promise<ConformanceStore>

/** A part of the contract that a log cannot be tried on, by name; each skipped test says so. */
export type Capability =
  | 'clean'
  | 'freeze'
  | 'trim'
  | 'previous-offset'
  | 'instance'
  /** A batch is kept with its header; a log that numbers batches against duplicates writes who made it into that. */
  | 'header'

export type ConformancePart =
  | 'topics'
  | 'reading'
  | 'cleaning'
  | 'commits'
  | 'positions'
  | 'memberships'
  | 'layouts'

export interface ConformanceOptions {
  /** Default 300. */
  readonly sessionTimeoutMs?: number
  /** Default 600. */
  readonly rebalanceTimeoutMs?: number
  /** How far `eventually` moves the time between two looks. Default 20. */
  readonly stepMs?: number
  /** How long `eventually` looks. Default 10,000. */
  readonly deadlineMs?: number
  readonly skip?: readonly Capability[]
  /** Of so many subjects so many tests at once, for a log that mostly waits. Default 1. */
  readonly concurrency?: number
  /** For a second way through the same log; all parts if left out. */
  readonly parts?: readonly ConformancePart[]
}

export interface Context {
  readonly factory: StoreFactory
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly stepMs: number
  readonly deadlineMs: number
  readonly skip: ReadonlySet<Capability>
}

/** Declares a test on a fresh store, which is destroyed afterwards. */
export function test(
  context: Context,
  name: string,
  run: (store: ConformanceStore) => Promise<void>,
  needs: readonly Capability[] = [],
): void {
  const missing = needs.filter(need => context.skip.has(need))
  it(name, { skip: missing.length > 0 ? `this log cannot: ${missing.join(', ')}` : false }, async () => {
    const store = await context.factory()
    try {
      await run(store)
    } finally {
      await store.destroy()
    }
  })
}

/** Lets time pass until `condition` holds; fails saying `what` was waited for. */
export async function eventually(
  context: Context,
  store: ConformanceStore,
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  for (let passedMs = 0; passedMs <= context.deadlineMs; passedMs += context.stepMs) {
    if (await condition()) return
    await store.advance(context.stepMs)
  }
  assert.fail(`Not within ${context.deadlineMs} ms: ${what}`)
}

/** Answers at once, with plenty of room. */
export const AT_ONCE: FetchOptions = { maxWaitMs: 0, maxBytes: 1 << 20, partitionMaxBytes: 1 << 20 }

export interface TestRecord {
  readonly key?: string | null
  readonly value: string | null
  readonly timestamp?: number
  readonly headers?: readonly Header[]
}

export interface ReadRecord {
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
}

/** One record batch; a plain string is a record with that value, no key, and time 1,000. */
export function batchOf(records: readonly (TestRecord | string)[]): Uint8Array {
  const writer = new BatchWriter()
  for (const record of records) {
    const {
      key = null,
      value,
      timestamp = 1000,
      headers,
    } = typeof record === 'string' ? { value: record } : (record as TestRecord)
    const k = key === null ? null : Buffer.from(key)
    const v = value === null ? null : Buffer.from(value)
    const h = headers === undefined ? null : encodeHeaders(headers)
    writer.append(timestamp, k, 0, k?.length ?? 0, v, 0, v?.length ?? 0, h, 0, h?.length ?? 0)
  }
  return writer.finish()
}

export function outgoing(
  topic: string,
  partition: number,
  ...records: (TestRecord | string)[]
): OutgoingBatch {
  return { topic, partition, bytes: batchOf(records) }
}

const SHOWN_WITHIN_MS = 1000
/** A log that cannot reach a partition now has tried for a while already. */
const TRIES_MAX = 40
/** What lies behind a transaction is waited for, however long its end takes to get round. */
const ALL: FetchOptions = { ...AT_ONCE, maxWaitMs: SHOWN_WITHIN_MS, waitForOpen: true }

/** Every record of the partition from `offset` (default: the first) on. */
export async function readAll(
  log: Log,
  { topic, partition }: TopicPartition,
  offset?: number,
): Promise<ReadRecord[]> {
  const bounds = (await log.offsets(topic))[partition]!
  const records: ReadRecord[] = []
  const cursor = new RecordCursor()
  for (let at = offset ?? bounds.earliest; at < bounds.latest; ) {
    const batches = await readSome(log, { topic, partition, offset: at })
    if (batches.length === 0) break
    for (const batch of batches) {
      cursor.open(batch)
      while (cursor.next()) {
        const text = (start: number, end: number) =>
          start < 0 ? null : cursor.buffer.toString('utf8', start, end)
        if (cursor.offset < at) continue
        const { offset, timestamp, keyStart, keyEnd, valueStart, valueEnd } = cursor
        records.push({ offset, timestamp, key: text(keyStart, keyEnd), value: text(valueStart, valueEnd) })
      }
      at = cursor.lastOffset + 1
    }
  }
  return records
}

/** What can be read there; nothing when the rest of the offsets hold nothing. A partition without a leader gets one in a while. */
async function readSome(log: Log, from: FetchPosition): Promise<readonly Uint8Array[]> {
  for (let tries = 0; ; tries++) {
    const [found] = await log.fetch([from], tries === 0 ? AT_ONCE : ALL)
    const { batches, error } = found!
    if (error !== undefined && (!error.retriable || tries >= TRIES_MAX)) throw error
    if (batches.length > 0 || (error === undefined && tries > 0)) return batches
  }
}

export async function valuesIn(log: Log, topic: string, partition = 0): Promise<(string | null)[]> {
  return (await readAll(log, { topic, partition })).map(record => record.value)
}

export function at(topic: string, partition: number, offset: number): FetchPosition {
  return { topic, partition, offset }
}

/** Fails unless `promise` is rejected with an error that has these members. */
export async function rejectsWith(
  promise: Promise<unknown>,
  members: Record<string, unknown>,
): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    for (const [name, value] of Object.entries(members)) {
      assert.equal((error as Record<string, unknown>)[name], value, `${name} of ${error}`)
    }
    return true
  })
}
