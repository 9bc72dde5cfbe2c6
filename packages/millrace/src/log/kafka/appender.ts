import { accessRight } from '../../std/access-right.ts'
import type { OutgoingBatch } from '../log.ts'
import { SendError } from './batch-sender.ts'
import type { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import { checkPlaces, checkWhole, Producer } from './producer.ts'

const NEW_PRODUCER = -1n
const NEW_EPOCH = -1

interface Waiting {
  readonly batches: readonly OutgoingBatch[]
  readonly resolve: (offsets: number[]) => void
  readonly reject: (error: unknown) => void
}

/** Appends outside transactions, idempotently. What comes while a request is under way goes together with the next. */
export class Appender {
  readonly #cluster: Cluster
  readonly #producer: Producer
  #waiting: Waiting[] = []
  #isRunning = false

  constructor(cluster: Cluster) {
    this.#cluster = cluster
    this.#producer = new Producer({ cluster, lane: 'produce', transactionalId: null })
  }

  async append(batches: readonly OutgoingBatch[]): Promise<number[]> {
    if (batches.length === 0) return []
    checkWhole(batches)
    await checkPlaces(this.#cluster, batches)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batches, resolve, reject })
      if (!this.#isRunning) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    while (this.#waiting.length > 0) {
      const taken = this.#waiting
      this.#waiting = []
      try {
        await this.#begin()
        const offsets = await this.#producer.write(taken.flatMap(each => each.batches))
        this.#settle(taken, offsets)
      } catch (error) {
        this.#producer.use(undefined)
        if (error instanceof SendError) this.#settle(taken, error.offsets, error)
        else for (const { reject } of taken) reject(error)
      }
    }
    this.#isRunning = false
  }

  /** Of several that went together one may have been refused: the others hear nothing of it and, if need be, go again. */
  #settle(taken: readonly Waiting[], offsets: readonly (number | undefined)[], error?: SendError): void {
    let at = 0
    const again: Waiting[] = []
    for (const waiting of taken) {
      const mine = offsets.slice(at, at + waiting.batches.length)
      const isRefused = mine.some((_, i) => error?.refused.has(at + i))
      const isUnsent = mine.every(offset => offset === undefined)
      at += waiting.batches.length
      if (!mine.includes(undefined)) waiting.resolve(mine as number[])
      else if (isUnsent && !isRefused && (error?.refused.size ?? 0) > 0) again.push(waiting)
      else waiting.reject(error?.cause)
    }
    this.#waiting = [...again, ...this.#waiting]
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
