import { type CommittedPosition, LogError, type PositionReset, type TopicPartition } from '../log.ts'
import type { Appender } from './appender.ts'
import type { Cluster } from './cluster.ts'
import { toLogError } from './log-error.ts'
import { decodePlace, type MetadataPlace } from './metadata-place.ts'
import { MetadataReader } from './metadata-reader.ts'
import type { MetadataRecords } from './metadata-records.ts'
import { metadataTopic } from './metadata-topic.ts'
import { partitionKey } from './partition-key.ts'
import type { Positions } from './positions.ts'

const NOTHING = new Uint8Array(0)

interface Read {
  readonly positions: CommittedPosition[]
  /** Those whose metadata is gone; it is a mere place in `positions`. */
  readonly lost: readonly { readonly position: CommittedPosition; readonly place: MetadataPlace }[]
}

export interface WholePositionsOptions {
  readonly cluster: Cluster
  readonly positions: Positions
  readonly appender: Appender
  readonly records: MetadataRecords
}

/** Positions of groups with all of their metadata, wherever it lies (SEMANTICS 2.1). */
export class WholePositions {
  readonly #options: WholePositionsOptions
  readonly #reader: MetadataReader

  constructor(options: WholePositionsOptions) {
    this.#options = options
    this.#reader = new MetadataReader(options.cluster)
  }

  /** As the contract says. Throws `LogError` code `corrupt` where metadata is gone. */
  async committed(group: string, partitions: readonly TopicPartition[]): Promise<CommittedPosition[]> {
    const read = () => this.#options.positions.committed(group, partitions)
    const { positions, lost } = await this.#whole(group, read)
    if (lost[0] === undefined) return positions
    const { position, place } = lost[0]
    throw new LogError(
      'corrupt',
      `How far event time is in what writes to ${position.topic}/${position.partition} was too much to stand beside the position of group ` +
        `${group}, and the record with it, ${metadataTopic(group)}/${place.partition} offset ${place.offset}, is gone: without it late records ` +
        'would count. Forget positions and state (millrace reset), and read again',
    )
  }

  /** All of a group, for whoever looks on. Metadata that is gone, or that the user may not read, is the place where it lies. */
  async lastCommitted(group: string): Promise<CommittedPosition[]> {
    const read = () => this.#options.positions.lastCommitted(group)
    try {
      return (await this.#whole(group, read)).positions
    } catch (error) {
      const { code } = toLogError(error) as { readonly code?: unknown }
      // Groups of others have metadata of their own.
      if (code === 'unauthorized' || code === 'layout' || error instanceof RangeError) return read()
      throw error
    }
  }

  /** A record that is gone was replaced by a commit that came between the two reads, or it is lost. */
  async #whole(group: string, read: () => Promise<CommittedPosition[]>): Promise<Read> {
    for (let before = new Map<string, Uint8Array>(); ; ) {
      const positions = await read()
      const places = new Map<CommittedPosition, MetadataPlace>()
      for (const position of positions) {
        const place = decodePlace(position.metadata)
        if (place !== undefined) places.set(position, place)
      }
      if (places.size === 0) return { positions, lost: [] }
      const found = await this.#reader.read(metadataTopic(group), [...places.values()])
      const lost = [...places].flatMap(([position, place]) => (found.has(place) ? [] : [{ position, place }]))
      const isSame = (position: CommittedPosition) =>
        Buffer.compare(before.get(partitionKey(position)) ?? NOTHING, position.metadata) === 0
      if (lost.every(({ position }) => isSame(position))) {
        const whole = positions.map(position => {
          const metadata = found.get(places.get(position)!)
          return metadata === undefined ? position : { ...position, metadata }
        })
        return { positions: whole, lost }
      }
      before = new Map(lost.map(({ position }) => [partitionKey(position), position.metadata]))
    }
  }

  /** As the contract's `resetGroup`. */
  async reset(group: string, resets: readonly PositionReset[]): Promise<void> {
    const { positions, appender, records } = this.#options
    const wanted = resets.map(position => ({ metadata: NOTHING, ...position }))
    if (!records.hasLarge(wanted)) return positions.reset(group, wanted)
    const current = await positions.committed(group, wanted)
    // Refused while there are members: a record in the place of theirs would outlive it.
    await positions.reset(group, current)
    const known = new Map(current.map(position => [partitionKey(position), position]))
    const packed = await records.pack(group, wanted, place => known.get(partitionKey(place)))
    await positions.reset(group, packed.positionsAt(await appender.append(packed.batches)))
  }

  close(): void {
    this.#reader.close()
  }
}
