import { crc32c } from '../../record/crc32c.ts'
import { RecordCursor } from '../../record/cursor.ts'
import { accessRight } from '../../std/access-right.ts'
import type { Cluster, TopicView } from './cluster.ts'
import { CODE, KafkaError, UnreachableError } from './errors.ts'
import { FetchLane } from './fetch-lane.ts'
import type { FetchPart } from './fetch-response.ts'
import type { MetadataPlace } from './metadata-place.ts'
import { visibleBatches } from './visible-batches.ts'

/** A broker gives one whole batch beyond it. */
const answerBytesMax = 64 * 1024

/**
 * Reads records with metadata from where committed positions say that they lie. So each was committed, and is read whatever else is
 * open in its partition: the marker that says so may not be there yet, and transactions of others may lie before it.
 */
export class MetadataReader {
  readonly #cluster: Cluster
  readonly #lanes = new Map<number, FetchLane>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** The metadata at each of the places; one whose record is not there any more is not in the answer. */
  async read(topic: string, places: readonly MetadataPlace[]): Promise<Map<MetadataPlace, Uint8Array>> {
    const found = new Map<MetadataPlace, Uint8Array>()
    await Promise.all(
      [...Map.groupBy(places, ({ partition }) => partition).values()].map(async own => {
        const left = [...own].sort((a, b) => a.offset - b.offset)
        while (left.length > 0)
          for (const [place, metadata] of await this.#cluster.retry(() => this.#readFirst(topic, left)))
            found.set(place, metadata)
      }),
    )
    return found
  }

  /** What one fetch brings of these places, in the order of offsets; those that it settles leave `left`, the first at least. */
  async #readFirst(topic: string, left: MetadataPlace[]): Promise<Map<MetadataPlace, Uint8Array>> {
    const { partition, offset } = left[0]!
    const view = (await this.#cluster.topics([topic])).get(topic)
    const leader = view?.partitions[partition]
    const found = new Map<MetadataPlace, Uint8Array>()
    if (view === undefined || leader === undefined) {
      left.length = 0
      return found
    }
    if (leader.leader < 0) throw new UnreachableError(`${topic}/${partition} has no leader now`)
    const ask = { topicId: view.id, partition, offset, leaderEpoch: leader.leaderEpoch }
    const { frame, parts } = await this.#lane(leader.leader).ask([ask], 0, answerBytesMax, answerBytesMax)
    try {
      const part = checked(parts[0], view, offset)
      const cursor = new RecordCursor()
      const [first] = left
      for (const batch of visibleBatches(frame.bytes, part.recordsStart, part.recordsEnd, [])) {
        cursor.open(batch)
        const own = left.filter(place => place.offset <= cursor.lastOffset)
        take(cursor, own, found)
        left.splice(0, own.length)
      }
      // Nothing from there on, or it begins behind the partition's end: another topic has the name now.
      if (left[0] === first) left.shift()
    } finally {
      frame.release()
    }
    return found
  }

  #lane(node: number): FetchLane {
    const lane = this.#lanes.get(node) ?? new FetchLane(this.#cluster, node, 'uncommitted')
    this.#lanes.set(node, lane)
    return lane
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.close()
  }
}

/** Throws what can be tried again while the partition cannot say yet whether there is a record. */
function checked(part: FetchPart | undefined, { name }: TopicView, offset: number): FetchPart {
  if (part === undefined) throw new UnreachableError(`A broker said nothing of ${name}`)
  const { partition, errorCode, highWatermark } = part
  if (errorCode === CODE.offsetOutOfRange) return part
  if (errorCode !== 0) {
    const right = accessRight('Read', 'Topic', name)
    throw new KafkaError(errorCode, `read ${name}/${partition} at ${offset}`, null, right)
  }
  // A new leader learns only by and by how far its predecessor was.
  if (highWatermark <= offset) throw new UnreachableError(`${name}/${partition} ends at ${highWatermark} now`)
  return part
}

/** Takes from a batch the records that lie at the places and are what these were made for. */
function take(
  cursor: RecordCursor,
  places: readonly MetadataPlace[],
  found: Map<MetadataPlace, Uint8Array>,
): void {
  while (cursor.next()) {
    const { buffer, offset, valueStart, valueEnd } = cursor
    for (const place of places) {
      if (place.offset !== offset || valueEnd - valueStart !== place.length) continue
      if (crc32c(buffer, valueStart, valueEnd) !== place.crc) continue
      found.set(place, new Uint8Array(buffer.subarray(valueStart, valueEnd)))
    }
  }
}
