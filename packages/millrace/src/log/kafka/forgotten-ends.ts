import { LogError, type TopicPartition } from '../log.ts'
import type { ArgsOf } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { CODE, KafkaError, UnreachableError } from './errors.ts'
import type { Link } from './links.ts'
import { partitionKey } from './partition-key.ts'
import { byTopic } from './positions.ts'
import type { Producer } from './producer.ts'
import type { TransactionOutcome, TransactionRequests } from './transaction-requests.ts'

const NOWHERE = -1
const NOT_OPEN = 0n
const ELSEWHERE_AGAIN_MS = 10_000

/** A partition that was written to, and over which connection: as long as it lasts the partition has had its leader. */
interface Written extends TopicPartition {
  readonly link: Link
  readonly leaderEpoch: number
  /** How the newest transaction there ended; undefined where that is not known. */
  outcome: TransactionOutcome | undefined
}

export interface ForgottenEndsOptions {
  readonly cluster: Cluster
  readonly requests: TransactionRequests
  readonly producer: Producer
  /** The connections that batches go over. */
  readonly lane: string
}

/**
 * Ends transactions where their coordinator has not. That of Kafka 4.3 takes a partition that has no leader for deleted and does not
 * tell it how a transaction ended (KAFKA-20734): there it stays open, and the end of the next one would be its end, too. So
 * before a partition is written to over a new connection its leader is asked what is open in it.
 */
export class ForgottenEnds {
  readonly #cluster: Cluster
  readonly #requests: TransactionRequests
  readonly #producer: Producer
  readonly #lane: string
  readonly #written = new Map<string, Written>()
  /** What may not be asked about, and was ended just now whatever there was. */
  readonly #endedUnseen = new Set<string>()
  #elsewhereAgainAtMs = 0
  #isFirst = true
  /** Of whoever had the transactional id before. */
  #inherited: TransactionOutcome | undefined

  constructor({ cluster, requests, producer, lane }: ForgottenEndsOptions) {
    this.#cluster = cluster
    this.#requests = requests
    this.#producer = producer
    this.#lane = lane
  }

  /** A new producer epoch; what was open under the one before is decided, as far as the coordinator knows of it. */
  async begin(): Promise<void> {
    const identity = await this.#cluster.retry(async () => {
      // Asked anew each time: while a transaction is open it is not decided yet.
      if (this.#isFirst) this.#inherited = (await this.#requests.outcome()) ?? this.#inherited
      return this.#requests.init()
    })
    this.#isFirst = false
    this.#producer.use(identity)
  }

  /**
   * Makes sure that no transaction is open in these partitions, and ends what it finds in those of earlier transactions. Until `ended`
   * says otherwise the one that comes now counts as aborted. Throws `LogError` where one is open and nothing tells how it ended.
   */
  async settle(places: readonly TopicPartition[], endVersionMax: number): Promise<void> {
    this.#endedUnseen.clear()
    const deadlineMs = this.#cluster.clock.monotonic() + this.#cluster.settings.deliveryTimeoutMs
    const wanted = new Set(places.map(partitionKey))
    const doubtful = Map.groupBy(await this.#doubtful(places), place => wanted.has(partitionKey(place)))
    let open = await this.#openIn(doubtful.get(true) ?? [])
    open.push(...(await this.#openElsewhere(doubtful.get(false) ?? [])))
    while (open.length > 0) {
      // With a new epoch the coordinator says that all before it has been ended, as far as it will be.
      await this.begin()
      open = await this.#openIn(open)
      if (open.length === 0) break
      if (this.#cluster.clock.monotonic() > deadlineMs)
        throw new UnreachableError(`A transaction stays open in ${textOf(open)}`)
      await this.#end(open, endVersionMax)
    }
    this.ended(places, 'aborted')
  }

  /** How the transaction that has written to these partitions ended; undefined when that is not known. */
  ended(places: readonly TopicPartition[], outcome: TransactionOutcome | undefined): void {
    for (const place of places) {
      const written = this.#written.get(partitionKey(place))
      if (written !== undefined) written.outcome = outcome
    }
  }

  /** Which of these, and of all that was written to, may have lost its leader since. */
  async #doubtful(places: readonly TopicPartition[]): Promise<TopicPartition[]> {
    const all = new Map<string, TopicPartition>(this.#written)
    for (const place of places) if (!all.has(partitionKey(place))) all.set(partitionKey(place), place)
    const topics = new Set([...all.values()].map(each => each.topic))
    const views = await this.#cluster.retry(() => this.#cluster.topics(topics))
    return [...all].flatMap(([key, { topic, partition }]) => {
      const view = views.get(topic)?.partitions[partition]
      const written = this.#written.get(key)
      if (view === undefined) this.#written.delete(key)
      const isSure = written?.link.socket.isOpen && written.leaderEpoch === view?.leaderEpoch
      return view === undefined || isSure ? [] : [{ topic, partition }]
    })
  }

  /** Those in which a transaction of this producer is open, by what their leaders say. */
  async #openIn(places: readonly TopicPartition[]): Promise<TopicPartition[]> {
    return places.length === 0 ? [] : this.#cluster.retry(() => this.#askLeaders(places))
  }

  /** The same of partitions that nothing is written to now: whoever reads them waits for it, but no commit does. */
  async #openElsewhere(places: readonly TopicPartition[]): Promise<TopicPartition[]> {
    const { clock } = this.#cluster
    if (places.length === 0 || clock.monotonic() < this.#elsewhereAgainAtMs) return []
    try {
      return await this.#askLeaders(places)
    } catch (error) {
      this.#cluster.learnFrom(error)
      this.#elsewhereAgainAtMs = clock.monotonic() + ELSEWHERE_AGAIN_MS
      return []
    }
  }

  async #askLeaders(places: readonly TopicPartition[]): Promise<TopicPartition[]> {
    const views = await this.#cluster.topics(new Set(places.map(each => each.topic)))
    const viewOf = ({ topic, partition }: TopicPartition) => views.get(topic)?.partitions[partition]
    const byLeader = Map.groupBy(places, place => viewOf(place)?.leader ?? NOWHERE)
    const asked = [...byLeader].map(async ([leader, mine]) => {
      if (leader === NOWHERE) throw new UnreachableError(`${textOf(mine)} has no leader now`)
      const link = await this.#cluster.link(leader, this.#lane)
      const open = await this.#openAt(link, mine)
      for (const place of mine) {
        const key = partitionKey(place)
        if (open.has(key)) continue
        const outcome = this.#outcomeOf(place)
        this.#written.set(key, { ...place, link, leaderEpoch: viewOf(place)!.leaderEpoch, outcome })
      }
      return mine.filter(place => open.has(partitionKey(place)))
    })
    return (await Promise.all(asked)).flat()
  }

  async #openAt({ socket, versions }: Link, places: readonly TopicPartition[]): Promise<Set<string>> {
    const topics = byTopic(places, each => each.partition)
    const args: ArgsOf<'describeProducers'> = [
      topics.map(([name, partitionIndexes]) => ({ name, partitionIndexes })),
    ]
    const { requestTimeoutMs } = this.#cluster.settings
    const answer = await socket.call(versions.choose('describeProducers'), args, requestTimeoutMs)
    const open = new Set<string>()
    for (const { name: topic, partitions } of answer.topics) {
      for (const { partitionIndex: partition, errorCode, activeProducers } of partitions) {
        const place = { topic, partition }
        if (errorCode === CODE.topicUnauthorized) {
          if (this.#mayBeOpen(place)) open.add(partitionKey(place))
        } else if (errorCode !== 0) {
          throw new KafkaError(errorCode, `tell the producers of ${topic}/${partition}`)
        } else {
          const mine = activeProducers.find(each => each.producerId === this.#producer.identity!.id)
          if (mine !== undefined && mine.currentTxnStartOffset >= NOT_OPEN) open.add(partitionKey(place))
        }
      }
    }
    return open
  }

  /** Of a partition that may be written to but not read: an end too many does no harm. */
  #mayBeOpen(place: TopicPartition): boolean {
    return this.#outcomeOf(place) !== undefined && !this.#endedUnseen.has(partitionKey(place))
  }

  #outcomeOf(place: TopicPartition): TransactionOutcome | undefined {
    const written = this.#written.get(partitionKey(place))
    return written === undefined ? this.#inherited : written.outcome
  }

  /** A transaction of nothing but its end, which is that of what is open there. */
  async #end(open: readonly TopicPartition[], endVersionMax: number): Promise<void> {
    const [outcome, places] = [...Map.groupBy(open, place => this.#outcomeOf(place))][0]!
    if (outcome === undefined) {
      throw new LogError(
        'unavailable',
        `A transaction of ${this.#requests.transactionalId} is open in ${textOf(places)}, Kafka has forgotten it, and nothing tells whether it was committed`,
        { wayOut: `end it: kafka-transactions.sh … abort --topic … --partition … --start-offset …` },
      )
    }
    const identity = this.#producer.identity!
    await this.#cluster.retry(() => this.#requests.addPartitions(identity, places))
    // Nothing follows in this epoch that a late repetition could end.
    await this.#cluster.retry(() => this.#requests.end(identity, outcome === 'committed', endVersionMax))
    for (const place of places) this.#endedUnseen.add(partitionKey(place))
  }
}

function textOf(places: readonly TopicPartition[]): string {
  return places.map(partitionKey).join(', ')
}
