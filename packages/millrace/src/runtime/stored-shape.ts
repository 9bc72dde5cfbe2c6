import type { Log } from '../log/log.ts'
import { LayoutHistory, type ShapeNote } from '../plan/layout-history.ts'
import { shapeTopic } from '../plan/names.ts'
import type { PipelineShape } from '../plan/shape.ts'
import { RecordCursor } from '../record/cursor.ts'
import { BatchWriter } from '../record/writer.ts'
import type { Clock } from '../std/clock.ts'
import { Backoff, isRetriable } from './backoff.ts'

const TRIES_MAX = 8

/**
 * As what a pipeline with state ran, in a topic of its own that keeps every record: their order in the log says which layout is the
 * newer, whoever writes at the same time.
 */
export class StoredShape {
  readonly #log: Log
  readonly #topic: string
  readonly #clock: Clock

  constructor(log: Log, app: string, pipeline: string, clock: Clock) {
    this.#log = log
    this.#clock = clock
    this.#topic = shapeTopic(app, pipeline)
  }

  /** Its `shape` is undefined for a pipeline that has never run, or was reset since. */
  read(): Promise<LayoutHistory> {
    return this.#retry(() => this.#read())
  }

  async #read(): Promise<LayoutHistory> {
    const history = new LayoutHistory()
    const [info] = await this.#log.describeTopics([this.#topic])
    if (info === undefined) return history
    const [{ earliest, latest } = { earliest: 0, latest: 0 }] = await this.#log.offsets(this.#topic)
    const cursor = new RecordCursor()
    for (let offset = earliest; offset < latest; ) {
      const limits = { maxWaitMs: 0, maxBytes: 1 << 22, partitionMaxBytes: 1 << 22 }
      const [fetched] = await this.#log.fetch([{ topic: this.#topic, partition: 0, offset }], limits)
      if (fetched!.error !== undefined) throw fetched!.error
      // What compaction left may end before the end.
      if (fetched!.batches.length === 0) break
      for (const batch of fetched!.batches) {
        cursor.open(batch)
        while (cursor.next())
          if (cursor.offset >= offset)
            history.add(JSON.parse(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd)))
        offset = cursor.lastOffset + 1
      }
    }
    return history
  }

  /** Puts a shape behind those before it: one that ran, or what the note says. */
  async write(shape: PipelineShape, note?: ShapeNote): Promise<void> {
    const spec = {
      name: this.#topic,
      partitions: 1,
      cleanup: 'compact',
      retentionMs: -1,
      internal: true,
    } as const
    await this.#retry(() => this.#log.createTopics([spec]))
    // Under a key of its own, so that compaction takes nothing out of the order.
    const key = Buffer.from(`${shape.pipeline} ${crypto.randomUUID()}`)
    const value = Buffer.from(JSON.stringify({ ...shape, note }))
    await this.#retry(() => {
      const writer = new BatchWriter({ initialBytes: 1024 })
      writer.append(this.#clock.now(), key, 0, key.length, value, 0, value.length, null, 0, 0)
      return this.#log.append([{ topic: this.#topic, partition: 0, bytes: writer.finish() }])
    })
  }

  /** As if the pipeline had never run. */
  forget(): Promise<void> {
    return this.#log.deleteTopics([this.#topic])
  }

  /** A start does not fail for a moment in which the log cannot be reached. */
  async #retry<T>(work: () => Promise<T>): Promise<T> {
    const backoff = new Backoff(this.#clock)
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!isRetriable(error) || backoff.failures >= TRIES_MAX) throw error
        await backoff.wait()
      }
    }
  }
}
