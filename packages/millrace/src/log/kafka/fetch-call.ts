import { type FetchedPartition, type FetchOptions, type FetchPosition, LogError } from '../log.ts'
import type { FetchPart } from './fetch-response.ts'
import { visibleBatches } from './visible-batches.ts'

/** What several partitions of one answer lie in; it goes back when the last of them, and the reader of the answer, is done. */
export class SharedMemory {
  readonly #release: () => void
  #holders = 1

  constructor(release: () => void) {
    this.#release = release
  }

  /** One more holder; the function returned ends that. */
  hold(): () => void {
    this.#holders++
    return () => this.releaseOne()
  }

  releaseOne(): void {
    this.#holders--
    if (this.#holders === 0) this.#release()
  }
}

/** One call of `fetch` and what has come together for it. */
export class FetchCall {
  readonly positions: readonly FetchPosition[]
  readonly options: FetchOptions
  readonly parts: (FetchedPartition | undefined)[]
  bytes = 0
  isUseful = false
  isOver = false
  readonly #stableOffsets: number[]

  constructor(positions: readonly FetchPosition[], options: FetchOptions) {
    this.positions = positions
    this.options = options
    this.parts = new Array(positions.length)
    this.#stableOffsets = new Array(positions.length).fill(-1)
  }

  accept(
    indexes: readonly number[],
    part: FetchPart,
    highWatermark: number,
    bytes: Buffer,
    memory: SharedMemory,
  ): void {
    const { topic, partition, offset } = this.positions[indexes[0]!]!
    const { logStartOffset, lastStableOffset: stableOffset } = part
    try {
      const batches = visibleBatches(bytes, part.recordsStart, part.recordsEnd, part.aborted)
      if (batches.length > 0) this.isUseful = true
      this.bytes += batches.reduce((sum, batch) => sum + batch.length, 0)
      for (const index of indexes) {
        this.#stableOffsets[index] = stableOffset
        const release = batches.length > 0 ? { release: memory.hold() } : {}
        const bounds = { highWatermark, logStartOffset, stableOffset }
        this.parts[index] = { topic, partition, offset, batches, ...bounds, ...release }
      }
    } catch (cause) {
      const message = `${topic}/${partition} cannot be read at ${offset}: ${(cause as Error).message}`
      this.fail(indexes, new LogError('corrupt', message, { cause }))
    }
  }

  fail(indexes: readonly number[], error: LogError): void {
    this.isUseful = true
    const nothing = { batches: [], highWatermark: -1, logStartOffset: -1, error }
    for (const index of indexes) this.parts[index] = { ...this.positions[index]!, ...nothing }
  }

  /** It has records or an error: what is asked again is asked for the others. */
  isSettled(index: number): boolean {
    const part = this.parts[index]
    return part !== undefined && (part.error !== undefined || part.batches.length > 0)
  }

  /** A partition looks empty because transactions are open in it, or because its leader is new. */
  get isUndecided(): boolean {
    return this.parts.some(
      (part, index) =>
        part !== undefined &&
        part.error === undefined &&
        part.batches.length === 0 &&
        this.#stableOffsets[index]! < part.highWatermark,
    )
  }

  /** There is something to read, but the answer had no room for it. */
  isStarved(index: number): boolean {
    const part = this.parts[index]
    return (
      part !== undefined &&
      part.error === undefined &&
      part.batches.length === 0 &&
      part.offset < this.#stableOffsets[index]!
    )
  }

  /** For a partition whose broker has not answered yet the high watermark is unknown, -1. */
  answer(): FetchedPartition[] {
    return this.positions.map(
      (position, index) =>
        this.parts[index] ?? { ...position, batches: [], highWatermark: -1, logStartOffset: -1 },
    )
  }
}
