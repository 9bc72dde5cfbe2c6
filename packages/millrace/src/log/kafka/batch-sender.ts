import { accessRight } from '../../std/access-right.ts'
import type { OutgoingBatch } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { AmbiguousError, CODE, errorRule, isRetriable, KafkaError, UnreachableError } from './errors.ts'
import { partitionKey } from './partition-key.ts'
import { type ProducedPart, produce } from './produce-request.ts'

/** A broker remembers the last five batches of a producer, so it recognises a repetition among as many. */
const IN_FLIGHT_MAX = 5

interface Unsent {
  readonly index: number
  readonly batch: OutgoingBatch
}

interface Addressed extends Unsent {
  readonly topicId: string
}

/** What was thrown, and how far it had come: what is neither written nor refused was not taken by any broker. */
export class SendError extends Error {
  override readonly name = 'SendError'
  override readonly cause: Error
  /** Base offsets; undefined where the batch was not written. */
  readonly offsets: readonly (number | undefined)[]
  /** Places of the batches that were refused for good. */
  readonly refused: ReadonlySet<number>
  constructor(cause: Error, offsets: readonly (number | undefined)[], refused: ReadonlySet<number>) {
    super(cause.message, { cause })
    this.cause = cause
    this.offsets = offsets
    this.refused = refused
  }
}

export interface SendOptions {
  /** The connection all of it goes over, in order. */
  readonly lane: string
  readonly transactionalId: string | null
  /** 11 where a newer version would mean another kind of transaction. */
  readonly versionMax: number
}

/**
 * Sends signed batches to their leaders and gives their base offsets, in order. What was refused for the moment is sent again,
 * byte for byte and in the order of its sequences. In a transaction a broken connection is not healed but thrown. Throws `SendError`.
 */
export async function sendBatches(
  cluster: Cluster,
  batches: readonly OutgoingBatch[],
  options: SendOptions,
): Promise<number[]> {
  const offsets: (number | undefined)[] = new Array(batches.length).fill(undefined)
  const unsent = batches.map((batch, index) => ({ index, batch }))
  let queues = [...Map.groupBy(unsent, each => partitionKey(each.batch)).values()]
  const deadlineMs = cluster.clock.monotonic() + cluster.settings.deliveryTimeoutMs
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const pass = new Pass(cluster, options, offsets)
    await pass.run(queues)
    queues = pass.left(queues)
    if (queues.length === 0) return offsets as number[]
    const failure = pass.failure!
    cluster.learnFrom(failure)
    const isAmbiguous = options.transactionalId !== null && failure instanceof AmbiguousError
    if (!isRetriable(failure) || isAmbiguous || cluster.clock.monotonic() > deadlineMs)
      throw new SendError(failure, offsets, pass.refused)
    await cluster.pause(pauseMs)
    cluster.links.throwIfClosed()
  }
}

/** One go over all that is not there yet. */
class Pass {
  readonly #cluster: Cluster
  readonly #options: SendOptions
  readonly #offsets: (number | undefined)[]
  /** Partitions with a batch that has to be sent again. */
  readonly #stuck = new Set<string>()
  readonly refused = new Set<number>()
  failure: Error | undefined

  constructor(cluster: Cluster, options: SendOptions, offsets: (number | undefined)[]) {
    this.#cluster = cluster
    this.#options = options
    this.#offsets = offsets
  }

  /** The first of every queue goes in one request per leader; once those are there the second of every queue, and so on. */
  async run(queues: readonly (readonly Unsent[])[]): Promise<void> {
    const inFlight: Promise<void>[] = []
    const rounds = Math.max(...queues.map(queue => queue.length))
    for (let round = 0; round < rounds && this.failure === undefined; round++) {
      const heads = queues.map(queue => queue[round]).filter(head => head !== undefined)
      try {
        for (const [leader, mine] of await this.#byLeader(heads)) inFlight.push(this.#send(leader, mine))
      } catch (error) {
        this.failure ??= error as Error
      }
      // A broker that does not know the producer yet takes any number for its first: were the first batch of a partition
      // refused for the moment, the second one would take its place.
      if (round === 0) await Promise.all(inFlight.splice(0))
      while (inFlight.length >= IN_FLIGHT_MAX) await inFlight.shift()
    }
    await Promise.all(inFlight)
  }

  left(queues: readonly (readonly Unsent[])[]): Unsent[][] {
    return queues
      .map(queue => queue.filter(each => this.#offsets[each.index] === undefined))
      .filter(queue => queue.length > 0)
  }

  async #byLeader(heads: readonly Unsent[]): Promise<Map<number, Addressed[]>> {
    const views = await this.#cluster.topics(new Set(heads.map(({ batch }) => batch.topic)))
    const byLeader = new Map<number, Addressed[]>()
    for (const head of heads) {
      const { topic, partition } = head.batch
      const view = views.get(topic)
      const found = view?.partitions[partition]
      if (view === undefined || found === undefined)
        throw new KafkaError(CODE.unknownTopic, `append to ${topic}/${partition}`)
      if (found.leader < 0) throw new UnreachableError(`${topic}/${partition} has no leader now`)
      const mine = byLeader.get(found.leader) ?? []
      mine.push({ ...head, topicId: view.id })
      byLeader.set(found.leader, mine)
    }
    return byLeader
  }

  async #send(leader: number, mine: readonly Addressed[]): Promise<void> {
    const { lane, transactionalId, versionMax } = this.#options
    try {
      const link = await this.#cluster.link(leader, lane)
      const parts = mine.map(({ batch, topicId }) => ({ ...batch, topicId }))
      const { requestTimeoutMs } = this.#cluster.settings
      const answers = await produce(link, transactionalId, parts, versionMax, requestTimeoutMs)
      for (const answer of answers) this.#settle(mine, answer)
    } catch (error) {
      // What may have been done weighs more than what was certainly not.
      if (this.failure === undefined || error instanceof AmbiguousError) this.failure = error as Error
    }
  }

  #settle(mine: readonly Unsent[], answer: ProducedPart): void {
    const key = partitionKey(answer)
    const { index } = mine.find(({ batch }) => partitionKey(batch) === key)!
    const { errorCode } = answer
    if (errorCode === 0 || errorCode === CODE.duplicateSequence) {
      this.#offsets[index] = answer.baseOffset
      return
    }
    // Behind one that was refused for the moment the next of its partition must be out of order.
    if (errorCode === CODE.outOfOrderSequence && this.#stuck.has(key)) return
    const failure = new KafkaError(
      errorCode,
      `append to ${answer.topic}/${answer.partition}`,
      answer.errorMessage,
      accessRight('Write', 'Topic', answer.topic),
      accessRight('Write', 'TransactionalId', this.#options.transactionalId ?? ''),
    )
    if (errorRule(errorCode).action === 'retry') this.#stuck.add(key)
    else this.refused.add(index)
    if (this.failure === undefined || !isRetriable(failure)) this.failure = failure
  }
}
