import { type AccessRight, accessRight } from '../../std/access-right.ts'
import type { MemberIdentity, PositionUpdate, TopicPartition } from '../log.ts'
import type { AnswerOf, ApiName, ArgsOf } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { CODE, errorRule, KafkaError } from './errors.ts'
import { byTopic, COMMIT_LANE, topicsToCommit, whyRefused } from './positions.ts'
import type { ProducerIdentity } from './producer.ts'

const UNKNOWN = { id: -1n, epoch: -1 }

export type TransactionOutcome = 'committed' | 'aborted'

/** By the names of a coordinator's states. */
const OUTCOMES: ReadonlyMap<string, TransactionOutcome> = new Map([
  ['PrepareCommit', 'committed'],
  ['CompleteCommit', 'committed'],
  ['PrepareAbort', 'aborted'],
  ['CompleteAbort', 'aborted'],
])

/** The requests of one transactional id. Refusals are thrown as `KafkaError`; none of them is repeated here. */
export class TransactionRequests {
  readonly #cluster: Cluster
  readonly transactionalId: string

  constructor(cluster: Cluster, transactionalId: string) {
    this.#cluster = cluster
    this.transactionalId = transactionalId
  }

  /** Whether the coordinator runs the flow of KIP-890. */
  async hasFlow2(): Promise<boolean> {
    const node = await this.#coordinator()
    return (await this.#cluster.link(node, COMMIT_LANE)).versions.hasTransactions2
  }

  /** A new producer epoch: whoever had the id before is fenced, and the transaction it left open is aborted. */
  async init(): Promise<ProducerIdentity> {
    const { transactionTimeoutMs } = this.#cluster.settings
    const answer = await this.#send('initProducerId', [
      this.transactionalId,
      transactionTimeoutMs,
      UNKNOWN.id,
      UNKNOWN.epoch,
    ])
    this.#check(answer.errorCode, 'begin transactions')
    return { id: answer.producerId, epoch: answer.producerEpoch }
  }

  /** How the newest transaction that is decided ended; undefined where none is, or none is known. */
  async outcome(): Promise<TransactionOutcome | undefined> {
    const answer = await this.#send('describeTransactions', [[this.transactionalId]])
    const { errorCode, transactionState } = answer.transactionStates[0]!
    if (errorCode === CODE.transactionalIdNotFound) return undefined
    this.#check(errorCode, 'describe transactions')
    return OUTCOMES.get(transactionState)
  }

  /** Flow 1: the partitions that batches are for join the transaction. */
  async addPartitions(producer: ProducerIdentity, places: readonly TopicPartition[]): Promise<void> {
    const topics = byTopic(places, each => each.partition).map(([name, partitions]) => ({
      name,
      partitions: [...new Set(partitions)],
    }))
    const transaction = {
      transactionalId: this.transactionalId,
      producerId: producer.id,
      producerEpoch: producer.epoch,
      verifyOnly: false,
      topics,
    }
    const answer = await this.#send('addPartitionsToTxn', [[transaction]])
    for (const { name, resultsByPartition } of answer.resultsByTransaction[0]!.topicResults) {
      const codes = resultsByPartition.map(each => each.partitionErrorCode).filter(code => code !== 0)
      // Of several the one that is no mere consequence of another ("not attempted") says why.
      const code = codes.find(each => errorRule(each).name !== 'OPERATION_NOT_ATTEMPTED') ?? codes[0]
      this.#check(code ?? 0, `add ${name} to a transaction`, accessRight('Write', 'Topic', name))
    }
  }

  /** Flow 1: the group's positions join the transaction. */
  async addOffsets(producer: ProducerIdentity, group: string): Promise<void> {
    const answer = await this.#send('addOffsetsToTxn', [
      this.transactionalId,
      producer.id,
      producer.epoch,
      group,
    ])
    this.#check(
      answer.errorCode,
      `add the positions of group ${group} to a transaction`,
      accessRight('Read', 'Group', group),
    )
  }

  /** Hands positions to the group's coordinator, which checks the member's identity. */
  async commitOffsets(
    producer: ProducerIdentity,
    identity: MemberIdentity,
    positions: readonly PositionUpdate[],
    versionMax: number,
  ): Promise<void> {
    const node = await this.#cluster.coordinator('group', identity.group)
    const { socket, versions } = await this.#cluster.link(node, COMMIT_LANE)
    const answer = await socket.call(
      versions.choose('txnOffsetCommit', versionMax),
      [
        this.transactionalId,
        identity.group,
        producer.id,
        producer.epoch,
        identity.generation,
        identity.memberId,
        identity.instanceId ?? null,
        topicsToCommit(positions),
      ],
      this.#cluster.settings.requestTimeoutMs,
    )
    for (const { name, partitions } of answer.topics)
      for (const { partitionIndex, errorCode } of partitions)
        this.#checkWith(
          whyRefused(errorCode, positions, name, partitionIndex),
          errorCode,
          `commit the position of group ${identity.group} in ${name}/${partitionIndex}`,
          accessRight('Read', 'Group', identity.group),
          accessRight('Read', 'Topic', name),
        )
  }

  /** Ends the transaction. In flow 2 the answer brings the epoch of the next. */
  async end(
    producer: ProducerIdentity,
    isCommit: boolean,
    versionMax: number,
  ): Promise<ProducerIdentity | undefined> {
    const node = await this.#coordinator()
    const { socket, versions } = await this.#cluster.link(node, COMMIT_LANE)
    const answer = await socket.call(
      versions.choose('endTxn', versionMax),
      [this.transactionalId, producer.id, producer.epoch, isCommit],
      this.#cluster.settings.requestTimeoutMs,
    )
    this.#check(answer.errorCode, isCommit ? 'commit a transaction' : 'abort a transaction')
    return answer.producerEpoch < 0 ? undefined : { id: answer.producerId, epoch: answer.producerEpoch }
  }

  #coordinator(): Promise<number> {
    return this.#cluster.coordinator('transaction', this.transactionalId)
  }

  async #send<Name extends ApiName>(name: Name, args: ArgsOf<Name>): Promise<AnswerOf<Name>> {
    return this.#cluster.request(await this.#coordinator(), COMMIT_LANE, name, args)
  }

  /** Throws for an error; `rights` are needed beside that to use the transactional id. */
  #check(code: number, doing: string, ...rights: readonly AccessRight[]): void {
    this.#checkWith(null, code, doing, ...rights)
  }

  #checkWith(detail: string | null, code: number, doing: string, ...rights: readonly AccessRight[]): void {
    if (code === 0) return
    const mine = accessRight('Write', 'TransactionalId', this.transactionalId)
    throw new KafkaError(code, `${doing} (${this.transactionalId})`, detail, mine, ...rights)
  }
}
