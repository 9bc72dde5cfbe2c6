import type { LogError } from '../log.ts'
import {
  type Commit,
  CommitError,
  type CommitResult,
  type CommittedPosition,
  type MemberIdentity,
  type PositionUpdate,
} from '../log.ts'
import { SendError } from './batch-sender.ts'
import type { Cluster } from './cluster.ts'
import { AmbiguousError, CODE, isRetriable, KafkaError } from './errors.ts'
import { ForgottenEnds } from './forgotten-ends.ts'
import { ForgottenPositions } from './forgotten-positions.ts'
import { KnownPositions } from './known-positions.ts'
import { isHopeless, toLogError } from './log-error.ts'
import type { MetadataRecords } from './metadata-records.ts'
import { partitionKey } from './partition-key.ts'
import { COMMIT_LANE, checkMember, type Positions } from './positions.ts'
import { checkPlaces, Producer } from './producer.ts'
import { type TransactionOutcome, TransactionRequests } from './transaction-requests.ts'

/** The newest versions of TxnOffsetCommit and EndTxn that belong to the flow before KIP-890. */
const FLOW_1_VERSION_MAX = 4
const ANY_VERSION = 99
const PAUSE_MS = 3
/** What EndTxn may be refused with although the decision was written. */
const END_AMBIGUOUS: ReadonlySet<number> = new Set([
  CODE.notCoordinator,
  CODE.coordinatorNotAvailable,
  CODE.requestTimedOut,
])

export interface TransactionsOptions {
  readonly cluster: Cluster
  readonly positions: Positions
  readonly records: MetadataRecords
  readonly transactionalId: string
  /** Of two flows the older one, whatever the broker can. */
  readonly isFlow1: boolean
}

/**
 * Commits as Kafka transactions under one transactional id, one at a time. Whatever goes wrong before the end of a transaction
 * aborts it; where its end is in doubt, the committed positions decide.
 */
export class Transactions {
  readonly #cluster: Cluster
  readonly #positions: Positions
  readonly #records: MetadataRecords
  readonly #requests: TransactionRequests
  readonly #producer: Producer
  readonly #produceLane: string
  readonly #ends: ForgottenEnds
  readonly #forgotten: ForgottenPositions
  readonly #isFlow1: boolean
  #last: Promise<unknown> = Promise.resolve()
  readonly #known: KnownPositions
  #memberId = ''

  constructor({ cluster, positions, records, transactionalId, isFlow1 }: TransactionsOptions) {
    this.#cluster = cluster
    this.#positions = positions
    this.#records = records
    this.#known = new KnownPositions(positions)
    this.#requests = new TransactionRequests(cluster, transactionalId)
    this.#produceLane = `produce ${transactionalId}`
    this.#producer = new Producer({ cluster, lane: this.#produceLane, transactionalId })
    this.#ends = new ForgottenEnds({
      cluster,
      requests: this.#requests,
      producer: this.#producer,
      lane: this.#produceLane,
    })
    this.#forgotten = new ForgottenPositions({
      cluster,
      positions,
      requests: this.#requests,
      producer: this.#producer,
      ends: this.#ends,
    })
    this.#isFlow1 = isFlow1
  }

  commit(commit: Commit): Promise<CommitResult> {
    const result = this.#last.then(() => this.#commit(commit))
    this.#last = result.catch(() => {})
    return result
  }

  async #commit(commit: Commit): Promise<CommitResult> {
    const { batches, positions, identity } = commit
    if (batches.length === 0 && positions.length === 0) return { baseOffsets: [] }
    let written = commit
    try {
      // What tasks have cut is whole; were it not, the broker would refuse it by the CRC that it was sealed with.
      await checkPlaces(this.#cluster, batches)
      const isOld = this.#isFlow1 || !(await this.#cluster.retry(() => this.#requests.hasFlow2()))
      const endVersionMax = isOld ? FLOW_1_VERSION_MAX : ANY_VERSION
      if (this.#forgotten.isDoubtful) {
        await this.#begin(identity)
        await this.#forgotten.settle(identity.group, endVersionMax)
      }
      await this.#known.check(identity, positions)
      const packed = await this.#records.pack(identity.group, positions, each => this.#known.get(each))
      written = { ...commit, batches: [...batches, ...packed.batches] }
      await this.#begin(identity)
      await this.#ends.settle(written.batches, endVersionMax)
      await this.#forgotten.begun(identity.group, positions)
      const baseOffsets = await this.#writeBatches(written, isOld)
      written = { ...written, positions: packed.positionsAt(baseOffsets.slice(batches.length)) }
      await this.#writePositions(written, isOld)
      await this.#end(written, isOld)
      this.#ended(written, 'committed')
      this.#known.replace(written.positions)
      return { baseOffsets: baseOffsets.slice(0, batches.length) }
    } catch (error) {
      const failure = await this.#giveUp(error as Error, identity)
      if (failure instanceof CommitError && failure.outcome === 'unknown') this.#ended(written, undefined)
      throw failure
    }
  }

  #ended({ batches, positions }: Commit, outcome: TransactionOutcome | undefined): void {
    this.#ends.ended(batches, outcome)
    if (positions.length > 0) this.#forgotten.ended(outcome)
  }

  /** Makes sure there is a producer epoch of our own; a new member has ended that of the one before. */
  async #begin({ memberId }: MemberIdentity): Promise<void> {
    if (memberId !== this.#memberId) this.#producer.use(undefined)
    this.#memberId = memberId
    if (this.#producer.identity !== undefined) return
    await this.#ends.begin()
  }

  async #writeBatches({ batches }: Commit, isOld: boolean): Promise<number[]> {
    if (batches.length === 0) return []
    if (isOld) await this.#refused(() => this.#requests.addPartitions(this.#producer.identity!, batches))
    return this.#producer.write(batches, isOld)
  }

  async #writePositions({ positions, identity }: Commit, isOld: boolean): Promise<void> {
    const producer = this.#producer.identity!
    const requests = this.#requests
    if (positions.length === 0) return this.#refused(() => checkMember(this.#cluster, identity))
    if (isOld) await this.#refused(() => requests.addOffsets(producer, identity.group))
    const versionMax = isOld ? FLOW_1_VERSION_MAX : ANY_VERSION
    await this.#refused(() => requests.commitOffsets(producer, identity, positions, versionMax))
  }

  /** Repeats what was certainly not done; a broken connection is thrown. */
  async #refused(request: () => Promise<void>): Promise<void> {
    const deadlineMs = this.#cluster.clock.monotonic() + this.#cluster.settings.deliveryTimeoutMs
    for (;;) {
      try {
        return await request()
      } catch (error) {
        const isPassing = isRetriable(error) && !(error instanceof AmbiguousError)
        if (!isPassing || this.#cluster.clock.monotonic() > deadlineMs) throw error
        this.#cluster.learnFrom(error)
      }
      await this.#cluster.pause(PAUSE_MS)
      this.#cluster.links.throwIfClosed()
    }
  }

  async #end(commit: Commit, isOld: boolean): Promise<void> {
    const producer = this.#producer.identity!
    if (isOld) return this.#endOnce(commit)
    // A repetition in the same epoch answers the same; a late one in the next transaction is fenced (KIP-890).
    try {
      const next = await this.#cluster.retry(() => this.#requests.end(producer, true, ANY_VERSION))
      this.#producer.use(next)
    } catch (error) {
      await this.#decide(commit, error as Error)
    }
  }

  /** In the older flow a repeated EndTxn might end the next transaction: sent once, and its doubt settled by a new epoch. */
  async #endOnce(commit: Commit): Promise<void> {
    const producer = this.#producer.identity!
    try {
      await this.#refused(async () => {
        try {
          await this.#requests.end(producer, true, FLOW_1_VERSION_MAX)
        } catch (error) {
          if (error instanceof KafkaError && END_AMBIGUOUS.has(error.code))
            throw new AmbiguousError(error.message, { cause: error })
          throw error
        }
      })
    } catch (error) {
      await this.#decide(commit, error as Error)
    }
  }

  /** Whether a transaction whose end is in doubt happened. Returns when it did; throws `CommitError` otherwise. */
  async #decide({ positions, identity }: Commit, cause: Error): Promise<void> {
    const attempt = async () => {
      await this.#reset()
      return this.#positions.committed(identity.group, positions)
    }
    let found: readonly CommittedPosition[]
    try {
      found = await attempt()
    } catch (error) {
      throw new CommitError(
        'unknown',
        `Whether a commit of ${identity.group} happened is not known: ${cause.message}`,
        {
          cause: error,
        },
      )
    }
    const committed = new Map(found.map(each => [partitionKey(each), each]))
    const isAt = (position: PositionUpdate, other: CommittedPosition | undefined) =>
      position.offset === other?.offset && Buffer.compare(position.metadata, other.metadata) === 0
    const changing = positions.filter(each => !isAt(each, this.#known.get(each)))
    if (changing.length === 0)
      throw new CommitError('unknown', `Nothing tells whether a commit of ${identity.group} happened`, {
        cause,
      })
    if (changing.every(each => isAt(each, committed.get(partitionKey(each))))) return
    if (changing.some(each => isAt(each, committed.get(partitionKey(each)))))
      throw new CommitError('fenced', `Somebody else has committed for ${identity.group}`, { cause })
    throw new CommitError('aborted', `A commit of ${identity.group} did not happen: ${cause.message}`, {
      cause,
    })
  }

  /** Nothing of the commit happened: ends its transaction and says what that means for the tasks. */
  async #giveUp(error: Error, identity: MemberIdentity): Promise<Error> {
    this.#known.forget()
    if (error instanceof CommitError && error.outcome !== 'aborted') return error
    const cause = error instanceof SendError ? error.cause : error
    const isFenced = cause instanceof KafkaError && cause.rule.action === 'fenced'
    const isProducer =
      cause instanceof KafkaError &&
      (cause.code === CODE.producerFenced || cause.code === CODE.invalidProducerEpoch)
    const isOpen = this.#producer.identity !== undefined
    this.#producer.use(undefined)
    if (this.#cluster.links.isClosed) return new CommitError('unknown', 'The log was closed', { cause })
    try {
      if (isOpen) await this.#reset()
      // The coordinator fences also whom it has timed out; who is still a member has lost nothing but the transaction.
      if (isProducer) await this.#cluster.retry(() => checkMember(this.#cluster, identity))
    } catch (failure) {
      if (failure instanceof KafkaError && failure.rule.action === 'fenced')
        return commitError('fenced', failure)
      if (isOpen) this.#producer.use(undefined)
    }
    if (error instanceof CommitError) return error
    if (isHopeless(cause)) return toLogError(cause) as LogError
    return commitError(isFenced && !isProducer ? 'fenced' : 'aborted', cause)
  }

  /** A new epoch, on new connections: nothing that was sent before can have an effect any more. */
  async #reset(): Promise<void> {
    this.#producer.use(undefined)
    await this.#cluster.cutLane(this.#produceLane)
    await this.#cluster.cutLane(COMMIT_LANE)
    await this.#ends.begin()
  }
}

function commitError(outcome: 'aborted' | 'fenced', cause: Error): CommitError {
  return new CommitError(outcome, `The commit was refused: ${cause.message}`, { cause })
}
