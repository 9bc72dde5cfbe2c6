import { decodeMetadata } from '../engine/metadata.ts'
import type { SlowPartition } from '../engine/task-input.ts'
import type { CommittedPosition, Log, PartitionOffsets, TopicPartition } from '../log/log.ts'
import type { Clock } from '../std/clock.ts'
import type { Alignment } from './alignment.ts'
import type { PipelineRun } from './pipeline-run.ts'

/** How old what is known of other threads and processes may be, beside what they have not committed yet. */
const lookMs = 250
/** The same while they go on and something here waits for them. */
const lookMsWhileMoving = 50

export interface AlignmentWatchOptions {
  readonly log: Log
  readonly clock: Clock
  readonly runs: readonly PipelineRun[]
  /** Told when a partition that was paused may go on. */
  readonly wake: () => void
}

type AlignedRun = PipelineRun & { readonly alignment: Alignment }

/** How far a partition is, as its group has committed it, and what the log holds of it. */
interface Progress extends TopicPartition {
  readonly committed: CommittedPosition | undefined
  readonly offsets: PartitionOffsets | undefined
}

/**
 * Looks again and again how far the partitions are that other threads and processes read, by what these have committed, so that no
 * partition here goes too far ahead of them (SEMANTICS 3.8).
 */
export class AlignmentWatch {
  readonly #options: AlignmentWatchOptions
  readonly #runs: readonly AlignedRun[]
  /** By pipeline and partition: since when it has had nothing to be read. */
  #drainedSinceMs: ReadonlyMap<string, number> = new Map()
  #isMoving = false
  #isStopped = false
  #cancel = () => {}

  constructor(options: AlignmentWatchOptions) {
    this.#options = options
    this.#runs = options.runs.filter((run): run is AlignedRun => run.alignment !== undefined)
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #schedule(): void {
    if (this.#isStopped || this.#runs.length === 0) return
    // A log that cannot be reached now is asked again.
    const look = () =>
      this.#look()
        .catch(() => {})
        .finally(() => this.#schedule())
    const waitMs = this.#isMoving ? lookMsWhileMoving : lookMs
    this.#cancel = this.#options.clock.after(waitMs, () => void look())
  }

  async #look(): Promise<void> {
    const drained = new Map<string, number>()
    this.#isMoving = false
    for (const run of this.#runs) {
      const { alignment, tasks } = run
      const elsewhere = alignment.elsewhere(tasks)
      if (elsewhere.length === 0) continue
      const slowest = this.#slowest(run, await this.#progress(run, elsewhere), drained)
      if (alignment.learn(slowest, tasks)) this.#isMoving = true
      this.#options.wake()
    }
    this.#drainedSinceMs = drained
  }

  async #progress({ group }: PipelineRun, partitions: readonly TopicPartition[]): Promise<Progress[]> {
    const { log } = this.#options
    const topics = [...new Set(partitions.map(({ topic }) => topic))]
    const offsets = new Map(
      await Promise.all(topics.map(async topic => [topic, await log.offsets(topic)] as const)),
    )
    // Those that a killed process has left an open transaction on are not waited for: they are where they were.
    const committed = (await log.describeGroup(group))?.positions ?? []
    return partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      committed: committed.find(each => each.topic === topic && each.partition === partition),
      offsets: offsets.get(topic)!.find(each => each.partition === partition),
    }))
  }

  /** The slowest one that is neither idle nor at its end; notes since when those with nothing to be read have been so. */
  #slowest(
    run: AlignedRun,
    all: readonly Progress[],
    drained: Map<string, number>,
  ): SlowPartition | undefined {
    const nowMs = this.#options.clock.monotonic()
    let slowest: SlowPartition | undefined
    for (const each of all) {
      const { topic, partition, committed, offsets } = each
      const [channel] = committed === undefined ? [] : decodeMetadata(committed.metadata).channels
      const position = Math.max(committed?.offset ?? 0, offsets?.earliest ?? 0)
      if (channel?.end?.forGood || position >= run.endOf(each)) continue
      if (offsets !== undefined && position >= offsets.latest) {
        const key = `${run.name} ${partition} ${topic}`
        const sinceMs = this.#drainedSinceMs.get(key) ?? nowMs
        drained.set(key, sinceMs)
        if (channel?.released || nowMs - sinceMs >= idleMsOf(run, topic)) continue
      }
      const watermark = channel?.watermark ?? Number.NEGATIVE_INFINITY
      if (slowest === undefined || watermark < slowest.watermark) slowest = { topic, partition, watermark }
    }
    return slowest
  }
}

function idleMsOf({ alignment }: AlignedRun, topic: string): number {
  return alignment.sources.find(source => source.topic.name === topic)!.idleMs
}
