/** Items by a number each, the smallest first. Equal ones come in no particular order. */
export class MinHeap<T> {
  readonly #items: T[] = []
  readonly #rankOf: (item: T) => number

  constructor(rankOf: (item: T) => number) {
    this.#rankOf = rankOf
  }

  /** The smallest item; undefined when there is none. */
  get first(): T | undefined {
    return this.#items[0]
  }

  add(item: T): void {
    const items = this.#items
    const rank = this.#rankOf(item)
    let at = items.length
    items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.#rankOf(items[parent]!) <= rank) break
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
    const rank = this.#rankOf(last)
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && this.#rankOf(items[child + 1]!) < this.#rankOf(items[child]!)) child++
      if (this.#rankOf(items[child]!) >= rank) break
      items[at] = items[child]!
      at = child
    }
    items[at] = last
  }

  clear(): void {
    this.#items.length = 0
  }
}
