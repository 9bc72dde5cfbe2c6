/** One partition of a Fetch answer; `recordsStart` to `recordsEnd` are the batches, the last perhaps cut off. */
export interface FetchPart {
  readonly topicId: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly aborted: readonly AbortedRange[]
  /** The broker the partition is to be read from instead, -1 for none. */
  readonly preferredReplica: number
  readonly recordsStart: number
  readonly recordsEnd: number
}

/** From `firstOffset` on the records of this producer are aborted, up to its next abort marker. */
export interface AbortedRange {
  readonly producerId: number
  readonly firstOffset: number
}

export interface FetchAnswer {
  readonly errorCode: number
  readonly sessionId: number
  readonly parts: readonly FetchPart[]
}

/** Reads a Fetch answer (versions 13 to 17) without touching its records. `bytes` begins with the correlation id. */
export function parseFetchAnswer(bytes: Buffer): FetchAnswer {
  const reader = new FlexibleReader(bytes, 4)
  reader.skipTags()
  reader.int32()
  const errorCode = reader.int16()
  const sessionId = reader.int32()
  const parts: FetchPart[] = []
  for (let topics = reader.count(); topics > 0; topics--) {
    const topicId = reader.uuid()
    for (let partitions = reader.count(); partitions > 0; partitions--) parts.push(readPart(reader, topicId))
    reader.skipTags()
  }
  return { errorCode, sessionId, parts }
}

function readPart(reader: FlexibleReader, topicId: string): FetchPart {
  const partition = reader.int32()
  const errorCode = reader.int16()
  const [highWatermark, lastStableOffset, logStartOffset] = [reader.int64(), reader.int64(), reader.int64()]
  const aborted: AbortedRange[] = []
  for (let ranges = reader.count(); ranges > 0; ranges--) {
    aborted.push({ producerId: reader.int64(), firstOffset: reader.int64() })
    reader.skipTags()
  }
  const preferredReplica = reader.int32()
  const recordsBytes = reader.count()
  const recordsStart = reader.at
  reader.at += recordsBytes
  const recordsEnd = reader.at
  reader.skipTags()
  return {
    topicId,
    partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    aborted,
    preferredReplica,
    recordsStart,
    recordsEnd,
  }
}

/** Reads the flexible encoding with plain numbers. Offsets and producer ids are below 2^53. */
class FlexibleReader {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  int16(): number {
    this.at += 2
    return this.#bytes.readInt16BE(this.at - 2)
  }

  int32(): number {
    this.at += 4
    return this.#bytes.readInt32BE(this.at - 4)
  }

  int64(): number {
    this.at += 8
    return this.#bytes.readInt32BE(this.at - 8) * 4294967296 + this.#bytes.readUInt32BE(this.at - 4)
  }

  unsigned(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes.readUInt8(this.at++)
      value |= (byte & 127) << shift
      if (byte < 128) return value >>> 0
    }
  }

  /** The length of an array or of bytes; null counts as empty. */
  count(): number {
    return Math.max(0, this.unsigned() - 1)
  }

  uuid(): string {
    const hex = this.#bytes.toString('hex', this.at, this.at + 16)
    this.at += 16
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  }

  skipTags(): void {
    for (let tags = this.unsigned(); tags > 0; tags--) {
      this.unsigned()
      const bytes = this.unsigned()
      this.at += bytes
    }
  }
}
