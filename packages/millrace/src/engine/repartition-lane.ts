import type { KeyKind } from '../serde/serde.ts'
import { isBroken } from '../std/broken-rules.ts'
import { Lane, type LaneOptions } from './lane.ts'
import { encodeMarker } from './marker.ts'
import type { ChannelEnd } from './time.ts'

/** Markers at the beginning of a batch are needed to read it at all. */
const marksBatchesOnly = isBroken('3.3')

/**
 * Writes one task's records to a repartition topic, with the markers that carry its event time
 * (SEMANTICS 3.3).
 *
 * Every batch begins with a marker, and a further one goes before the first record that follows a rise of the
 * watermark by a whole granule, whose own watermark lies in another granule, or that follows a change of the
 * released flag or of the key kind. Behind a single source both watermarks are the same number.
 */
export class RepartitionLane {
  readonly lane: Lane
  /** The kind of the key in work, 0 until the first; each record is read back as the kind of its own key (SEMANTICS 5.1). */
  keyKind: KeyKind | 0 = 0
  readonly #upstream: string
  readonly #granuleMs: number
  /** Per partition, the last marker written; NaN says none was. */
  readonly #markedWatermark: Float64Array
  /** Per partition, the own watermark that the last marker gave the records behind it. */
  readonly #markedOwn: Float64Array
  readonly #markedReleased: boolean[]
  readonly #markedKind: number[]
  /** The end that every partition was told of at the last commit. */
  #markedEnd: ChannelEnd | undefined

  constructor(options: LaneOptions & { upstream: string; granuleMs: number }) {
    this.lane = new Lane(options)
    this.#upstream = options.upstream
    this.#granuleMs = options.granuleMs
    this.#markedWatermark = new Float64Array(options.partitions).fill(Number.NaN)
    this.#markedOwn = new Float64Array(options.partitions).fill(Number.NaN)
    this.#markedReleased = new Array(options.partitions).fill(false)
    this.#markedKind = new Array(options.partitions).fill(0)
  }

  /**
   * Appends a re-keyed record. `watermark` is the event time that the task has reached before this record,
   * `own` that of the source partition the record comes from.
   */
  append(
    watermark: number,
    own: number,
    released: boolean,
    partition: number,
    timestamp: number,
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
    headers: Uint8Array | null,
    headersStart: number,
    headersEnd: number,
  ): void {
    this.lane.makeRoom(partition, keyEnd - keyStart + valueEnd - valueStart + headersEnd - headersStart)
    if (
      (!marksBatchesOnly && this.#isNews(watermark, own, partition)) ||
      this.lane.isEmpty(partition) ||
      released !== this.#markedReleased[partition] ||
      this.keyKind !== this.#markedKind[partition]
    ) {
      // The marker's own time is far from any event's: counted from there, each record's would take six bytes.
      if (this.lane.isEmpty(partition)) this.lane.startAt(partition, timestamp)
      this.#mark(partition, this.#rounded(watermark), this.#rounded(own), released, undefined)
    }
    this.lane.append(
      partition,
      timestamp,
      keyBytes,
      keyStart,
      keyEnd,
      valueBytes,
      valueStart,
      valueEnd,
      headers,
      headersStart,
      headersEnd,
    )
  }

  /** At a commit: tells every partition that does not know it yet how far the event time is. */
  markAll(watermark: number, released: boolean, end?: ChannelEnd): void {
    const rounded = this.#rounded(watermark)
    for (let partition = 0; partition < this.lane.partitions; partition++)
      if (this.#isUntold(partition, rounded, released, end))
        this.#mark(partition, rounded, rounded, released, end)
    this.#markedEnd = end
  }

  /** Some partition has not been told of this event time, flag or end yet. */
  hasNews(watermark: number, released: boolean, end?: ChannelEnd): boolean {
    const rounded = this.#rounded(watermark)
    return this.#markedReleased.some((_, partition) => this.#isUntold(partition, rounded, released, end))
  }

  #isUntold(partition: number, rounded: number, released: boolean, end: ChannelEnd | undefined): boolean {
    return (
      !Object.is(rounded, this.#markedWatermark[partition]) ||
      released !== this.#markedReleased[partition] ||
      end?.no !== this.#markedEnd?.no ||
      end?.forGood !== this.#markedEnd?.forGood
    )
  }

  /** Another marker goes before the next record of each partition. */
  forgetMarkers(): void {
    this.#markedWatermark.fill(Number.NaN)
    this.#markedEnd = undefined
  }

  /** Rounded, one of these watermarks is another than the last marker says. A watermark never goes back, an own one may. */
  #isNews(watermark: number, own: number, partition: number): boolean {
    const marked = this.#markedWatermark[partition]!
    if (!(watermark < marked + this.#granuleMs) && watermark !== marked) return true
    const markedOwn = this.#markedOwn[partition]!
    return (own < markedOwn || !(own < markedOwn + this.#granuleMs)) && own !== markedOwn
  }

  #mark(
    partition: number,
    watermark: number,
    own: number,
    released: boolean,
    end: ChannelEnd | undefined,
  ): void {
    this.#markedWatermark[partition] = watermark
    this.#markedOwn[partition] = own
    this.#markedReleased[partition] = released
    this.#markedKind[partition] = this.keyKind
    const upstream = this.lane.isEmpty(partition) ? this.#upstream : ''
    const value = encodeMarker({ upstream, watermark, own, released, end, keyKind: this.keyKind })
    // A marker's record time is 0: it is no event, and must not keep or age the batch by event time. It seals no
    // batch: the record that it speaks of would begin another one.
    this.lane.writer(partition).append(0, null, -1, -1, value, 0, value.length, null, 0, 0)
  }

  #rounded(watermark: number): number {
    return Number.isFinite(watermark) ? Math.floor(watermark / this.#granuleMs) * this.#granuleMs : watermark
  }
}
