import type { Cell } from '../../state/entries/cell.ts'

/**
 * Entries of one state that are kept for a limited time, in buckets of an eighth of that time: how often an entry is
 * written again does not count, it is looked at when its bucket is due.
 */
export class Expiry {
  readonly ttlMs: number
  readonly #bucketMs: number
  readonly #buckets = new Map<number, Cell[]>()
  #next = Number.POSITIVE_INFINITY

  constructor(ttlMs: number) {
    this.ttlMs = ttlMs
    this.#bucketMs = Math.max(1, Math.floor(ttlMs / 8))
  }

  /** Whether an entry is over at a time. */
  isOver(cell: Cell, time: number): boolean {
    return time >= cell.time + this.ttlMs
  }

  /** Takes in an entry that was written. */
  add(cell: Cell): void {
    if (!Number.isNaN(cell.queuedAt)) return
    const bucket = Math.floor((cell.time + this.ttlMs) / this.#bucketMs) + 1
    cell.queuedAt = bucket
    const cells = this.#buckets.get(bucket)
    if (cells !== undefined) {
      cells.push(cell)
      return
    }
    this.#buckets.set(bucket, [cell])
    if (bucket < this.#next) this.#next = bucket
  }

  /** The event time at which there is something to do; Infinity for never. */
  get next(): number {
    return this.#next * this.#bucketMs
  }

  /** Gives the entries that are over when event time has reached `next`, and up to `most` of them. */
  take(most: number): Cell[] {
    const at = this.next
    const cells = this.#buckets.get(this.#next) ?? []
    const over: Cell[] = []
    while (cells.length > 0 && over.length < most) {
      const cell = cells.pop()!
      cell.queuedAt = Number.NaN
      if (cell.value === undefined) continue
      if (this.isOver(cell, at)) over.push(cell)
      else this.add(cell)
    }
    if (cells.length === 0) {
      this.#buckets.delete(this.#next)
      this.#next = Number.POSITIVE_INFINITY
      for (const bucket of this.#buckets.keys()) if (bucket < this.#next) this.#next = bucket
    }
    return over
  }
}
