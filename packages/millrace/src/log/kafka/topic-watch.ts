import type { Cluster } from './cluster.ts'

/** How often a topic is looked for that does not exist yet. */
const MISSING_TOPIC_MS = 1000

/** Tells the leader of a group when topics or partitions have come since it divided them. */
export class TopicWatch {
  readonly #cluster: Cluster
  readonly #onChanged: () => void
  #topics: ReadonlySet<string> = new Set()
  #counts: ReadonlyMap<string, number> = new Map()
  #cancel = () => {}

  constructor(cluster: Cluster, onChanged: () => void) {
    this.#cluster = cluster
    this.#onChanged = onChanged
  }

  /** How many partitions each topic has now, which is what later counts are held against. */
  async count(topics: ReadonlySet<string>): Promise<ReadonlyMap<string, number>> {
    this.#topics = topics
    this.#counts = await this.#ask()
    return this.#counts
  }

  async #ask(): Promise<ReadonlyMap<string, number>> {
    const views = await this.#cluster.retry(() => this.#cluster.refresh([...this.#topics]))
    return new Map(views.map(view => [view.name, view.partitions.length]))
  }

  /** Looks again and again until `stop`, or until something has changed. */
  start(): void {
    this.stop()
    const isMissing = [...this.#topics].some(topic => !this.#counts.has(topic))
    const waitMs = isMissing ? MISSING_TOPIC_MS : this.#cluster.settings.metadataMaxAgeMs
    let isStopped = false
    const cancel = this.#cluster.clock.after(waitMs, async () => {
      const counts = await this.#ask().catch(() => this.#counts)
      if (isStopped) return
      if ([...this.#topics].some(topic => counts.get(topic) !== this.#counts.get(topic))) this.#onChanged()
      else this.start()
    })
    this.#cancel = () => {
      isStopped = true
      cancel()
    }
  }

  stop(): void {
    this.#cancel()
  }
}
