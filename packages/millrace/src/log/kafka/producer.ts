import { checkBatch } from '../../record/batch.ts'
import type { Codec } from '../../record/compression.ts'
import { AT, readInt32 } from '../../record/layout.ts'
import { LogError, type OutgoingBatch } from '../log.ts'
import { sendBatches } from './batch-sender.ts'
import type { Cluster } from './cluster.ts'
import { kafkaCodecs } from './codecs.ts'
import { partitionKey } from './partition-key.ts'
import { packed, signed } from './recompress.ts'

const SEQUENCES = 2 ** 31
/** Produce 12 would make a batch of a v1 transaction join it by itself. */
const VERSION_OF_OLD_TRANSACTIONS = 11
const VERSION_MAX = 13

export interface ProducerIdentity {
  readonly id: bigint
  readonly epoch: number
}

export interface ProducerOptions {
  readonly cluster: Cluster
  readonly lane: string
  readonly transactionalId: string | null
}

/**
 * Writes batches under one producer id: numbered per partition, so that a broker takes each once and in order. After an error that
 * is thrown the numbers are not to be trusted: begin again with `use`.
 */
export class Producer {
  readonly #options: ProducerOptions
  readonly #codec: Codec | undefined
  readonly #sequences = new Map<string, number>()
  identity: ProducerIdentity | undefined

  constructor(options: ProducerOptions) {
    this.#options = options
    const { compression } = options.cluster.settings
    this.#codec = kafkaCodecs.find(codec => codec.name === compression)
  }

  /** Goes on under this id and epoch, with the numbers at 0; undefined forgets. */
  use(identity: ProducerIdentity | undefined): void {
    this.identity = identity
    this.#sequences.clear()
  }

  /** Writes all; resolves with the base offsets when they are durable. */
  async write(batches: readonly OutgoingBatch[], isOldTransaction = false): Promise<number[]> {
    const { id, epoch } = this.identity!
    const { cluster, lane, transactionalId } = this.#options
    const signedBatches = batches.map(({ topic, partition, bytes }) => {
      const key = partitionKey({ topic, partition })
      const sequence = this.#sequences.get(key) ?? 0
      this.#sequences.set(key, (sequence + readInt32(bytes, AT.recordCount)) % SEQUENCES)
      const smaller = this.#codec === undefined ? bytes : packed(bytes, this.#codec)
      return {
        topic,
        partition,
        bytes: signed(smaller, Number(id), epoch, sequence, transactionalId !== null),
      }
    })
    return sendBatches(cluster, signedBatches, {
      lane,
      transactionalId,
      versionMax: isOldTransaction ? VERSION_OF_OLD_TRANSACTIONS : VERSION_MAX,
    })
  }
}

/** Throws `LogError` code `corrupt` for bytes that are not one whole batch. */
export function checkWhole(batches: readonly OutgoingBatch[]): void {
  for (const { topic, partition, bytes } of batches) {
    try {
      checkBatch(bytes)
    } catch (cause) {
      throw new LogError('corrupt', `A batch for ${topic}/${partition}: ${(cause as Error).message}`, {
        cause,
      })
    }
  }
}

/** Throws `LogError` code `unknown-topic` for a partition that does not exist. */
export async function checkPlaces(cluster: Cluster, batches: readonly OutgoingBatch[]): Promise<void> {
  const views = await cluster.retry(() => cluster.topics(new Set(batches.map(batch => batch.topic))))
  for (const { topic, partition } of batches) {
    if (views.get(topic)?.partitions[partition] === undefined)
      throw new LogError('unknown-topic', `There is no ${topic}/${partition}`)
  }
}
