import { type Floors, highest, raised } from '../layouts.ts'
import type { TopicPartition, TopicVersions } from '../log.ts'
import type { Assignment } from './group-protocol.ts'
import { partitionKey } from './partition-key.ts'

/** What a member knows of who has had what; it tells every leader, for a new one knows only what it is told. */
export class KnownFloors {
  readonly #layouts: TopicVersions | undefined
  #floors: Floors = new Map()
  /** Given by a leader that had not heard of this member's layouts yet. */
  #untold: readonly TopicPartition[] | undefined

  constructor(layouts: TopicVersions | undefined) {
    this.#layouts = layouts
  }

  get floors(): Floors {
    return this.#floors
  }

  /** What it says that it has: also what it may have only when that has been heard. */
  owned(assignment: readonly TopicPartition[]): readonly TopicPartition[] {
    return this.#untold ?? assignment
  }

  learn({ floors }: Assignment): void {
    this.#floors = highest([this.#floors, floors])
  }

  /**
   * A restarted instance gets its former partitions without a word to the leader. Where it is newer than who had them before, the group
   * has to hear of it before anything is written: nobody would know when it is gone. True when it has to join again for that; asked
   * once, for a leader of an older Millrace never answers.
   */
  isUnheard({ partitions }: Assignment): boolean {
    if (this.#untold !== undefined) return false
    const isHigher = (place: TopicPartition) =>
      (this.#layouts?.[place.topic] ?? 0) > (this.#floors.get(partitionKey(place)) ?? 0)
    if (!partitions.some(isHigher)) return false
    this.#untold = partitions
    return true
  }

  /** Has these partitions from now on. True when it said that it has more: others have to hear that it has not. */
  take({ partitions }: Assignment): boolean {
    const names = new Set(partitions.map(partitionKey))
    const saidTooMuch = this.#untold?.some(place => !names.has(partitionKey(place))) ?? false
    this.#untold = undefined
    this.#floors = raised(this.#floors, partitions, this.#layouts)
    return saidTooMuch
  }

  /** The membership is gone, and what it said. What it knows of others stays true. */
  lose(): void {
    this.#untold = undefined
  }
}
