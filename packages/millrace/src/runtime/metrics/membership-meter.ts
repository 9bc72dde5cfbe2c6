import type { TopicPartition } from '../../log/log.ts'
import type { MembershipFigures } from './figures.ts'

/** Follows what a pipeline's membership gives and takes. */
export class MembershipMeter {
  readonly #pipeline: string
  readonly #partitions = new Set<string>()
  #rebalances = 0
  #losses = 0
  #barred = 0

  constructor(pipeline: string) {
    this.#pipeline = pipeline
  }

  assigned(partitions: readonly TopicPartition[]): void {
    this.#rebalances++
    for (const each of partitions) this.#partitions.add(keyOf(each))
  }

  revoked(partitions: readonly TopicPartition[]): void {
    this.#rebalances++
    for (const each of partitions) this.#partitions.delete(keyOf(each))
  }

  lost(): void {
    this.#losses++
    this.#partitions.clear()
  }

  /** Partitions of the group that no member may have. */
  barred(partitions: readonly TopicPartition[]): void {
    this.#barred = partitions.length
  }

  get figures(): Omit<MembershipFigures, 'held'> {
    return {
      pipeline: this.#pipeline,
      rebalances: this.#rebalances,
      losses: this.#losses,
      partitions: this.#partitions.size,
      barred: this.#barred,
    }
  }
}

const keyOf = ({ topic, partition }: TopicPartition) => `${partition} ${topic}`
