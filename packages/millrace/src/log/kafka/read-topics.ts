import type { FetchedPartition } from '../log.ts'
import type { TopicView } from './cluster.ts'

/** Which topics are read, by name and id: a name that has another id is another topic, and its readers must hear of it. */
export class ReadTopics {
  readonly #ids = new Map<string, string>()
  readonly #others = new Map<string, string>()

  /** True until its readers were told when another topic has the name now. */
  isAnother({ name, id }: TopicView): boolean {
    const known = this.#ids.get(name)
    if (known === undefined) this.#ids.set(name, id)
    if (known === undefined || known === id) return false
    this.#others.set(name, id)
    return true
  }

  /** Whoever reads on after this answer means the topic that is there now. */
  told(answer: readonly FetchedPartition[]): void {
    for (const { topic, error } of answer) {
      const other = this.#others.get(topic)
      if (error?.code === 'topic-mismatch' && other !== undefined) this.#ids.set(topic, other)
      if (error?.code === 'unknown-topic') this.#ids.delete(topic)
    }
  }

  forget(topics: readonly string[]): void {
    for (const topic of topics) this.#ids.delete(topic)
  }
}
