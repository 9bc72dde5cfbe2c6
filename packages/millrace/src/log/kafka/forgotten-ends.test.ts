import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TopicPartition } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { CODE, UnreachableError } from './errors.ts'
import { ForgottenEnds } from './forgotten-ends.ts'
import type { Producer, ProducerIdentity } from './producer.ts'
import type { TransactionOutcome, TransactionRequests } from './transaction-requests.ts'

const MINE = 7n
const place = (partition: number): TopicPartition => ({ topic: 'out', partition })
const zero = place(0)
const one = place(1)

/** Two partitions on a broker each, as a producer of transactions meets them. */
class Brokers {
  /** What was asked of them, in order. */
  readonly told: string[] = []
  readonly open = new Set<number>()
  /** What is open only until the coordinator has come round to it. */
  readonly endsWithInit = new Set<number>()
  readonly withoutLeader = new Set<number>()
  isReadable = true
  outcome: TransactionOutcome | undefined
  nowMs = 0
  #epoch = 0
  #links = new Map<number, { isOpen: boolean }>()
  readonly ends: ForgottenEnds

  constructor() {
    const producer = {
      identity: undefined as ProducerIdentity | undefined,
      use(identity: ProducerIdentity | undefined) {
        this.identity = identity
      },
    }
    const requests = {
      transactionalId: 'x',
      outcome: async () => this.outcome,
      init: async () => {
        this.told.push('init')
        for (const partition of this.endsWithInit) this.open.delete(partition)
        return { id: MINE, epoch: this.#epoch++ }
      },
      addPartitions: async (_: ProducerIdentity, places: readonly TopicPartition[]) => {
        this.told.push(`add ${places.map(each => each.partition)}`)
      },
      end: async (_: ProducerIdentity, isCommit: boolean) => {
        this.told.push(isCommit ? 'commit' : 'abort')
        this.open.clear()
        return undefined
      },
    }
    this.ends = new ForgottenEnds({
      cluster: this.#cluster() as unknown as Cluster,
      requests: requests as unknown as TransactionRequests,
      producer: producer as unknown as Producer,
      lane: 'produce',
    })
  }

  #cluster() {
    return {
      settings: { deliveryTimeoutMs: 1_000, requestTimeoutMs: 1_000 },
      clock: { monotonic: () => this.nowMs },
      retry: <T>(attempt: () => Promise<T>) => attempt(),
      learnFrom: () => {},
      topics: async () => {
        const partitions = [0, 1].map(id => ({
          leader: this.withoutLeader.has(id) ? -1 : id,
          leaderEpoch: 0,
        }))
        return new Map([['out', { name: 'out', id: '', partitions }]])
      },
      link: async (node: number) => {
        const socket = this.#links.get(node) ?? { isOpen: true }
        this.#links.set(node, socket)
        const call = async (_: unknown, [topics]: [{ partitionIndexes: number[] }[]]) =>
          this.#describe(topics)
        return { socket: Object.assign(socket, { call }), versions: { choose: () => undefined } }
      },
    }
  }

  #describe(topics: readonly { partitionIndexes: number[] }[]) {
    const partitions = topics[0]!.partitionIndexes.map(partitionIndex => {
      this.told.push(`ask ${partitionIndex}`)
      const currentTxnStartOffset = this.open.has(partitionIndex) ? 0n : -1n
      const errorCode = this.isReadable ? 0 : CODE.topicUnauthorized
      const theirs = { producerId: 1n, currentTxnStartOffset: 5n }
      const activeProducers = this.isReadable ? [theirs, { producerId: MINE, currentTxnStartOffset }] : []
      return { partitionIndex, errorCode, activeProducers }
    })
    return { topics: [{ name: 'out', partitions }] }
  }

  /** The broker is away for a moment. */
  breakLink(node: number): void {
    this.#links.get(node)!.isOpen = false
    this.#links.delete(node)
  }

  /** A commit to these partitions that ends so. */
  async commit(places: readonly TopicPartition[], outcome: TransactionOutcome | undefined): Promise<void> {
    await this.ends.settle(places, 99)
    this.ends.ended(places, outcome)
  }

  /** What was told since the last look. */
  took(): string[] {
    return this.told.splice(0)
  }
}

async function begun(outcome?: TransactionOutcome): Promise<Brokers> {
  const brokers = new Brokers()
  brokers.outcome = outcome
  await brokers.ends.begin()
  brokers.took()
  return brokers
}

describe('transactions whose end was forgotten', () => {
  it('are looked for once, as long as connections last', async () => {
    const brokers = await begun()
    await brokers.commit([zero, one], 'committed')
    assert.deepEqual(brokers.took(), ['ask 0', 'ask 1'])
    await brokers.commit([zero, one], 'committed')
    assert.deepEqual(brokers.took(), [])
    brokers.breakLink(1)
    await brokers.commit([zero, one], 'committed')
    assert.deepEqual(brokers.took(), ['ask 1'])
  })

  for (const [outcome, end] of [
    ['committed', 'commit'],
    ['aborted', 'abort'],
  ] as const) {
    it(`[2.1] are ended as they were: ${outcome}`, async () => {
      const brokers = await begun()
      await brokers.commit([zero, one], outcome)
      brokers.took()
      brokers.breakLink(1)
      brokers.open.add(1)
      await brokers.commit([zero, one], 'committed')
      assert.deepEqual(brokers.took(), ['ask 1', 'init', 'ask 1', 'add 1', end, 'init', 'ask 1'])
    })

    it(`[2.1] are ended as the process before has ended them: ${outcome}`, async () => {
      const brokers = await begun(outcome)
      brokers.open.add(0)
      await brokers.commit([zero], 'committed')
      assert.deepEqual(brokers.took(), ['ask 0', 'init', 'ask 0', 'add 0', end, 'init', 'ask 0'])
    })
  }

  it('are no longer open when the coordinator was only slow', async () => {
    const brokers = await begun()
    await brokers.commit([zero], 'committed')
    brokers.breakLink(0)
    brokers.open.add(0)
    brokers.endsWithInit.add(0)
    brokers.took()
    await brokers.commit([zero], 'committed')
    assert.deepEqual(brokers.took(), ['ask 0', 'init', 'ask 0'])
  })

  it('stop the pipeline when nothing tells how they ended, and say what to do', async () => {
    const brokers = await begun()
    brokers.open.add(0)
    await assert.rejects(brokers.commit([zero], 'committed'), {
      name: 'LogError',
      message: /open in out\/0/,
      wayOut: /kafka-transactions\.sh/,
    })
    const unsure = await begun()
    await unsure.commit([zero], undefined)
    unsure.breakLink(0)
    unsure.open.add(0)
    await assert.rejects(unsure.commit([zero], 'committed'), { name: 'LogError' })
  })

  it('are ended unseen where they may not be looked for', async () => {
    const brokers = await begun()
    brokers.isReadable = false
    await brokers.commit([zero], 'committed')
    assert.deepEqual(brokers.took(), ['ask 0'])
    brokers.breakLink(0)
    await brokers.commit([zero], 'aborted')
    assert.deepEqual(brokers.took(), ['ask 0', 'init', 'ask 0', 'add 0', 'commit', 'init', 'ask 0'])
  })

  it('are waited for where the commit writes, and ended elsewhere when there is a leader again', async () => {
    const brokers = await begun()
    await brokers.commit([zero, one], 'committed')
    brokers.took()
    brokers.breakLink(1)
    brokers.open.add(1)
    brokers.withoutLeader.add(1)
    await assert.rejects(brokers.commit([zero, one], 'committed'), UnreachableError)
    await brokers.commit([zero], 'committed')
    brokers.withoutLeader.clear()
    await brokers.commit([zero], 'committed')
    assert.deepEqual(brokers.took(), [], 'not at each commit')
    brokers.nowMs += 10_000
    await brokers.commit([zero], 'aborted')
    assert.deepEqual(brokers.took(), ['ask 1', 'init', 'ask 1', 'add 1', 'commit', 'init', 'ask 1'])
  })
})
