import type { EmissionPlan } from '../step-plan.ts'

/** Which rows of a ticking emission wait for its next tick, and when that is by event time. */
export class SessionTicks {
  readonly emission: EmissionPlan
  #rows: number[] = []
  /** The task watermark of the next tick; undefined where nothing waits or the wall clock decides. */
  #dueAt: number | undefined

  constructor(emission: EmissionPlan) {
    this.emission = emission
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0
  }

  get dueAt(): number | undefined {
    return this.#dueAt
  }

  /** One more row, changed by a record at `t`; gives when the tick is due, where that is new. `reached` is the event time so far. */
  add(row: number, reached: number, t: number, holdMs: number): number | undefined {
    this.#rows.push(row)
    const { emission: every } = this.emission.node
    if (every.kind !== 'every' || every.time !== 'event' || this.#dueAt !== undefined) return undefined
    const from = Math.max(reached, t - every.everyMs)
    this.#dueAt = (Math.floor(from / every.everyMs) + 1) * every.everyMs + holdMs
    return this.#dueAt
  }

  /** The rows that waited; some of them may be gone by now, or wait no longer. */
  take(): readonly number[] {
    const rows = this.#rows
    this.#rows = []
    this.#dueAt = undefined
    return rows
  }
}
