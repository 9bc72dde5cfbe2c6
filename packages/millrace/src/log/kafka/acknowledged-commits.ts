import { type Commit, CommitError, type CommitResult, type LogError } from '../log.ts'
import type { Appender } from './appender.ts'
import type { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import { KnownPositions } from './known-positions.ts'
import { isHopeless, toLogError } from './log-error.ts'
import type { MetadataRecords } from './metadata-records.ts'
import { checkMember, type Positions } from './positions.ts'

export interface AcknowledgedCommitsOptions {
  readonly cluster: Cluster
  readonly appender: Appender
  readonly positions: Positions
  readonly records: MetadataRecords
}

/**
 * Commits without transactions, for at-least-once: outputs, then changelogs, then positions, each acknowledged before the next. What
 * fails in between leaves positions where they were, and is done once more; no row leaves a store before its output is there.
 */
export class AcknowledgedCommits {
  readonly #cluster: Cluster
  readonly #appender: Appender
  readonly #positions: Positions
  readonly #records: MetadataRecords
  readonly #known: KnownPositions
  #last: Promise<unknown> = Promise.resolve()

  constructor({ cluster, appender, positions, records }: AcknowledgedCommitsOptions) {
    this.#cluster = cluster
    this.#appender = appender
    this.#positions = positions
    this.#records = records
    this.#known = new KnownPositions(positions)
  }

  /** One at a time, as positions follow each other. */
  commit(commit: Commit): Promise<CommitResult> {
    const result = this.#last.then(() => this.#commit(commit))
    this.#last = result.catch(() => {})
    return result
  }

  async #commit({ identity, batches, positions, atLeastOnce }: Commit): Promise<CommitResult> {
    const outputs = atLeastOnce?.outputs ?? batches.length
    try {
      await this.#known.check(identity, positions)
      if (batches.length > 0) await this.#cluster.retry(() => checkMember(this.#cluster, identity))
      const packed = await this.#records.pack(identity.group, positions, each => this.#known.get(each))
      const changelog = batches.slice(outputs)
      const offsets = await this.#appender.append(batches.slice(0, outputs))
      const later = await this.#appender.append([...changelog, ...packed.batches])
      const written = packed.positionsAt(later.splice(changelog.length))
      await this.#positions.commit(identity, written)
      this.#known.replace(written)
      return { baseOffsets: [...offsets, ...later] }
    } catch (error) {
      this.#known.forget()
      throw this.#refusal(error as Error)
    }
  }

  #refusal(error: Error): Error {
    if (error instanceof CommitError) return error
    if (this.#cluster.links.isClosed)
      return new CommitError('unknown', 'The log was closed', { cause: error })
    if (isHopeless(error)) return toLogError(error) as LogError
    const isFenced = error instanceof KafkaError && error.rule.action === 'fenced'
    const outcome = isFenced ? 'fenced' : 'aborted'
    return new CommitError(outcome, `The commit was refused: ${error.message}`, { cause: error })
  }
}
