import type { Cell } from '../../state/entries/cell.ts'

interface Place {
  readonly at: number
  readonly timer: Cell
}

/**
 * The timers of a step on one clock in the order they are due. A timer that is moved to a later time, as with every
 * record of a debounce, stays where it is until it comes up.
 */
export class TimerQueue {
  readonly #heap: Place[] = []
  /** The order of timers that are due at one time. */
  readonly #compare: (a: Cell, b: Cell) => number
  /** What is due at `#due`, in reverse order. */
  #batch: Cell[] = []
  #due = Number.POSITIVE_INFINITY

  constructor(compare: (a: Cell, b: Cell) => number) {
    this.#compare = compare
  }

  /** Takes in a timer whose time has been set. */
  add(timer: Cell): void {
    const at = timer.value as number
    if (at >= timer.queuedAt) return
    timer.queuedAt = at
    this.#push({ at, timer })
  }

  /** The time of the next timer; Infinity for none. */
  get next(): number {
    this.#settle()
    const waiting = this.#heap[0]?.at ?? Number.POSITIVE_INFINITY
    return this.#batch.length > 0 ? Math.min(this.#due, waiting) : waiting
  }

  /** Takes out the next timer that is due at `at`, the time that `next` gave; undefined behind the last one. */
  take(at: number): Cell | undefined {
    if (this.#batch.length === 0) this.#collect(at)
    for (let timer = this.#batch.pop(); timer !== undefined; timer = this.#batch.pop()) {
      if (timer.value === at) return timer
    }
    return undefined
  }

  #collect(at: number): void {
    this.#due = at
    for (this.#settle(); this.#heap[0]?.at === at; this.#settle()) {
      const { timer } = this.#pop()!
      timer.queuedAt = Number.NaN
      this.#batch.push(timer)
    }
    this.#batch.sort((a, b) => this.#compare(b, a))
  }

  /** Brings a timer to the top that is due at the time it lies under. */
  #settle(): void {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined) return
      const { at, timer } = first
      const isCurrent = timer.queuedAt === at
      if (isCurrent && timer.value === at) return
      this.#pop()
      if (!isCurrent) continue
      timer.queuedAt = Number.NaN
      if (timer.value !== undefined) this.add(timer)
    }
  }

  #push(place: Place): void {
    const heap = this.#heap
    let at = heap.push(place) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.at <= place.at) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = place
  }

  #pop(): Place | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= last.at) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}
