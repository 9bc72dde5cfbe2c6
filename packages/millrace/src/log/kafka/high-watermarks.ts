/**
 * The highest end of each partition that any broker has named. A new leader learns only from its followers how far the old one had
 * come; until then it names an end that was passed already, and a reader would take what is missing for a gap.
 */
export class HighWatermarks {
  readonly #known = new Map<string, number>()

  /** Takes note of an end that was named; gives the highest so far. */
  raise(topicId: string, partition: number, named: number): number {
    const key = `${topicId}/${partition}`
    const known = this.#known.get(key) ?? -1
    if (named <= known) return known
    this.#known.set(key, named)
    return named
  }
}
