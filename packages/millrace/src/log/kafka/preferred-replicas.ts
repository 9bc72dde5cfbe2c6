import type { Cluster } from './cluster.ts'
import type { FetchPart } from './fetch-response.ts'

const NONE = -1

/**
 * Which replica a leader wants a partition to be read from, for a reader that has told its rack (KIP-392). The leader is asked again
 * when anything goes wrong, and after as long as what is known of topics is good for.
 */
export class PreferredReplicas {
  readonly #cluster: Cluster
  readonly #known = new Map<string, { readonly node: number; readonly untilMs: number }>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Undefined is the leader. */
  of(topicId: string, partition: number): number | undefined {
    const key = `${topicId}/${partition}`
    const known = this.#known.get(key)
    if (known === undefined) return undefined
    const isGood = known.untilMs > this.#cluster.clock.monotonic() && this.#cluster.nodes.includes(known.node)
    if (isGood) return known.node
    this.#known.delete(key)
    return undefined
  }

  /** True when the answer sends its reader to a replica; there are no records in it then. */
  learn({ topicId, partition, preferredReplica }: FetchPart): boolean {
    if (preferredReplica === NONE || !this.#cluster.nodes.includes(preferredReplica)) return false
    const untilMs = this.#cluster.clock.monotonic() + this.#cluster.settings.metadataMaxAgeMs
    this.#known.set(`${topicId}/${partition}`, { node: preferredReplica, untilMs })
    return true
  }

  forget(topicId: string, partition: number): void {
    this.#known.delete(`${topicId}/${partition}`)
  }
}
