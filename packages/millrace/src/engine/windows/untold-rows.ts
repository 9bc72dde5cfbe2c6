import { MinHeap } from '../../std/min-heap.ts'

/** The rows of windows, by their starts, that have to go out when their window is past. */
export class UntoldRows {
  readonly #rows = new Map<number, number[]>()
  /** Those of windows that are gone stay in it until they are first. */
  readonly #starts = new MinHeap<number>(start => start)

  /** The start of the first window with such rows. */
  get first(): number | undefined {
    for (let start = this.#starts.first; start !== undefined; start = this.#starts.first) {
      if (this.#rows.has(start)) return start
      this.#starts.removeFirst()
    }
    return undefined
  }

  /** True for the first row of its window. */
  add(start: number, row: number): boolean {
    const rows = this.#rows.get(start)
    if (rows === undefined) {
      this.#rows.set(start, [row])
      this.#starts.add(start)
      return true
    }
    rows.push(row)
    return false
  }

  of(start: number): readonly number[] {
    return this.#rows.get(start)!
  }

  /** The first `count` rows of a window have gone out; true when these were all. */
  told(start: number, count: number): boolean {
    const rows = this.#rows.get(start)!
    rows.splice(0, count)
    if (rows.length > 0) return false
    this.#rows.delete(start)
    return true
  }

  forget(start: number): void {
    this.#rows.delete(start)
  }
}
