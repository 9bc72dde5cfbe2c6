import { accessRight } from '../../std/access-right.ts'
import type { OutgoingBatch } from '../log.ts'
import { SendError } from './batch-sender.ts'
import type { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import { Producer } from './producer.ts'

const NEW_PRODUCER = -1n
const NEW_EPOCH = -1

/** An append that waits for its offsets. */
export interface WaitingAppend {
  readonly batches: readonly OutgoingBatch[]
  readonly resolve: (offsets: number[]) => void
  readonly reject: (error: unknown) => void
}

/** Sends appends under a producer id and over connections of its own, one lot after the other. */
export class AppendSender {
  readonly #cluster: Cluster
  readonly #producer: Producer
  /** What it sends now: nothing when it is idle. */
  topics: ReadonlySet<string> = new Set()
  /** Whether what it sends has been under way for long. */
  isSlow = false

  constructor(cluster: Cluster, lane: string) {
    this.#cluster = cluster
    this.#producer = new Producer({ cluster, lane, transactionalId: null })
  }

  get isIdle(): boolean {
    return this.topics.size === 0
  }

  /** Sends all and settles them; gives those that have to go again because others that went with them were refused. */
  async send(taken: readonly WaitingAppend[]): Promise<readonly WaitingAppend[]> {
    this.topics = new Set(taken.flatMap(topicsOf))
    try {
      await this.#begin()
      return settle(taken, await this.#producer.write(taken.flatMap(each => each.batches)))
    } catch (error) {
      this.#producer.use(undefined)
      if (error instanceof SendError) return settle(taken, error.offsets, error)
      for (const { reject } of taken) reject(error)
      return []
    } finally {
      this.topics = new Set()
      this.isSlow = false
    }
  }

  async #begin(): Promise<void> {
    if (this.#producer.identity !== undefined) return
    const { transactionTimeoutMs } = this.#cluster.settings
    const answer = await this.#cluster.retry(async () => {
      const found = await this.#cluster.requestAny('initProducerId', [
        null,
        transactionTimeoutMs,
        NEW_PRODUCER,
        NEW_EPOCH,
      ])
      if (found.errorCode !== 0) {
        const right = accessRight('IdempotentWrite', 'Cluster', 'kafka-cluster')
        throw new KafkaError(found.errorCode, 'give a producer id', null, right)
      }
      return found
    })
    this.#producer.use({ id: answer.producerId, epoch: answer.producerEpoch })
  }
}

export function topicsOf({ batches }: WaitingAppend): string[] {
  return batches.map(({ topic }) => topic)
}

/** Of several that went together one may have been refused: the others hear nothing of it and, if need be, go again. */
function settle(
  taken: readonly WaitingAppend[],
  offsets: readonly (number | undefined)[],
  error?: SendError,
): readonly WaitingAppend[] {
  let at = 0
  const again: WaitingAppend[] = []
  for (const waiting of taken) {
    const mine = offsets.slice(at, at + waiting.batches.length)
    const isRefused = mine.some((_, i) => error?.refused.has(at + i))
    const isUnsent = mine.every(offset => offset === undefined)
    at += waiting.batches.length
    if (!mine.includes(undefined)) waiting.resolve(mine as number[])
    else if (isUnsent && !isRefused && (error?.refused.size ?? 0) > 0) again.push(waiting)
    else waiting.reject(error?.cause)
  }
  return again
}
