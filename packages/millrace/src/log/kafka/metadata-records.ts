import { crc32c } from '../../record/crc32c.ts'
import { BatchWriter } from '../../record/writer.ts'
import { isBroken } from '../../std/broken-rules.ts'
import type { CommittedPosition, OutgoingBatch, TopicPartition } from '../log.ts'
import type { Cluster } from './cluster.ts'
import {
  besideBytesMaxDefault,
  decodePlace,
  encodePlace,
  isLarge,
  type MetadataPlace,
} from './metadata-place.ts'
import { metadataTopic, metadataTopicSpec } from './metadata-topic.ts'
import { TopicAdmin } from './topic-admin.ts'

/** A reader of one record gets its whole batch. */
const batchBytesMax = 128 * 1024
const forgets = isBroken('2.1')

/** A record, before anybody knows where its batch will lie. */
interface PlacedRecord extends Omit<MetadataPlace, 'offset'> {
  /** Which of the batches, and where in it. */
  readonly batch: number
  readonly index: number
}

/** The positions of one commit, and the records with what is too long to stand beside them. */
export interface PackedPositions<P extends CommittedPosition> {
  /** To be written before the positions. */
  readonly batches: readonly OutgoingBatch[]
  /** The positions as they are committed, given where the batches lie. */
  positionsAt(baseOffsets: readonly number[]): readonly P[]
}

/** Puts metadata that is too long to stand beside its position into records (SEMANTICS 2.1). */
export class MetadataRecords {
  readonly #cluster: Cluster
  readonly #besideBytesMax: number

  constructor(cluster: Cluster, besideBytesMax = besideBytesMaxDefault) {
    this.#cluster = cluster
    this.#besideBytesMax = besideBytesMax
  }

  /** Nearly always there is nothing to write. `current` gives positions as they are committed now. */
  async pack<P extends CommittedPosition>(
    group: string,
    positions: readonly P[],
    current: (place: TopicPartition) => CommittedPosition | undefined,
  ): Promise<PackedPositions<P>> {
    const besideBytesMax = this.#besideBytesMax
    if (!this.hasLarge(positions)) return { batches: [], positionsAt: () => positions }
    return packPositions(group, positions, {
      besideBytesMax,
      partitions: await this.#partitionsFor(group),
      nowMs: this.#cluster.clock.now(),
      slotOf: place => decodePlace(current(place)?.metadata ?? new Uint8Array(0))?.slot,
    })
  }

  hasLarge(positions: readonly CommittedPosition[]): boolean {
    return positions.some(({ metadata }) => isLarge(metadata, this.#besideBytesMax))
  }

  /** How many partitions the group's topic for it has; it is made when it is needed for the first time. */
  async #partitionsFor(group: string): Promise<number> {
    const cluster = this.#cluster
    const spec = metadataTopicSpec(group)
    const find = async () => (await cluster.topics([spec.name])).get(spec.name)
    const found = await cluster.retry(find)
    if (found !== undefined) return found.partitions.length
    await new TopicAdmin(cluster).create([spec])
    return (await cluster.retry(find))?.partitions.length ?? spec.partitions
  }
}

export interface PackingOptions {
  readonly besideBytesMax: number
  readonly partitions: number
  readonly nowMs: number
  /** The slot that a committed position names. */
  readonly slotOf: (place: TopicPartition) => 0 | 1 | undefined
}

export function packPositions<P extends CommittedPosition>(
  group: string,
  positions: readonly P[],
  { besideBytesMax, partitions, nowMs, slotOf }: PackingOptions,
): PackedPositions<P> {
  const topic = metadataTopic(group)
  const batches: OutgoingBatch[] = []
  const records = new Map<P, PlacedRecord>()
  const large = positions.filter(({ metadata }) => isLarge(metadata, besideBytesMax) && !forgets)
  for (const [partition, own] of Map.groupBy(large, position => position.partition % partitions)) {
    const writer = new BatchWriter()
    const finish = () => batches.push({ topic, partition, bytes: writer.finish() })
    for (const position of own) {
      const { metadata } = position
      if (writer.count > 0 && writer.byteLength + metadata.length > batchBytesMax) finish()
      const slot = slotOf(position) === 0 ? 1 : 0
      const key = Buffer.from(`${position.topic}/${position.partition}/${slot}`)
      const crc = crc32c(metadata, 0, metadata.length)
      const where = { batch: batches.length, index: writer.count }
      writer.append(nowMs, key, 0, key.length, metadata, 0, metadata.length)
      records.set(position, { ...where, slot, partition, length: metadata.length, crc })
    }
    finish()
  }
  return {
    batches,
    positionsAt: baseOffsets =>
      positions.map(position => {
        const record = records.get(position)
        if (record === undefined) return position
        const offset = baseOffsets[record.batch]! + record.index
        return { ...position, metadata: encodePlace({ ...record, offset }) }
      }),
  }
}
