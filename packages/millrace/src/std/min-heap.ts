/** Items by a number each, the smallest first; of equal ones the one that `orderTies` puts first, or any. */
export class MinHeap<T> {
  readonly #items: T[] = []
  readonly #rankOf: (item: T) => number
  readonly #orderTies: (a: T, b: T) => number

  constructor(rankOf: (item: T) => number, orderTies: (a: T, b: T) => number = () => 0) {
    this.#rankOf = rankOf
    this.#orderTies = orderTies
  }

  /** The smallest item; undefined when there is none. */
  get first(): T | undefined {
    return this.#items[0]
  }

  add(item: T): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(item, items[parent]!)) break
      items[at] = items[parent]!
      at = parent
    }
    items[at] = item
  }

  /** Takes the smallest item out. */
  removeFirst(): void {
    const items = this.#items
    const last = items.pop()
    if (last === undefined || items.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.#isBefore(items[child + 1]!, items[child]!)) child++
      if (!this.#isBefore(items[child]!, last)) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
  }

  #isBefore(a: T, b: T): boolean {
    const [rank, other] = [this.#rankOf(a), this.#rankOf(b)]
    return rank < other || (rank === other && this.#orderTies(a, b) < 0)
  }

  clear(): void {
    this.#items.length = 0
  }
}
