/** How often values fell below each bound; can be sent to another thread. */
export interface HistogramFigures {
  readonly bounds: readonly number[]
  /** Per bound, and one more for what lies above all; not cumulated. */
  readonly counts: readonly number[]
  readonly sum: number
}

/** Counts values by upper bounds. */
export class Histogram {
  readonly #bounds: readonly number[]
  readonly #counts: number[]
  #sum = 0

  /** `bounds` rise, and belong to the bucket below them. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
    this.#counts = new Array<number>(bounds.length + 1).fill(0)
  }

  observe(value: number): void {
    const at = this.#bounds.findIndex(bound => value <= bound)
    this.#counts[at < 0 ? this.#bounds.length : at]!++
    this.#sum += value
  }

  get figures(): HistogramFigures {
    return { bounds: this.#bounds, counts: [...this.#counts], sum: this.#sum }
  }
}
