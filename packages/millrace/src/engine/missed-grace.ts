import type { Task } from './task.ts'

/** Late records that would have been in time with this much more grace. */
export interface MissedGrace {
  readonly graceMs: number
  /** All of them, those that less would have kept included. */
  readonly records: number
}

const secondMs = 1_000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs

/** How much more grace would have kept the late records of a step: by the second up to a minute, by the minute up to an hour, by the hour beyond. */
export class MissedGraces {
  readonly #records = new Map<number, number>()

  /** Counts a record that is late since the task watermark `lateFrom`; before it, it is late by what has closed alone. */
  note(task: Task, lateFrom: number): void {
    const judgedBy = Math.max(task.time.watermark, task.judgedOwn)
    if (Number.isFinite(judgedBy) && judgedBy >= lateFrom) this.#add(judgedBy - lateFrom)
  }

  #add(lateByMs: number): void {
    const step = lateByMs < minuteMs ? secondMs : lateByMs < hourMs ? minuteMs : hourMs
    const graceMs = (Math.floor(lateByMs / step) + 1) * step
    this.#records.set(graceMs, (this.#records.get(graceMs) ?? 0) + 1)
  }

  /** From the least grace on, each with everything that it would have kept. */
  get rows(): MissedGrace[] {
    let records = 0
    return [...this.#records]
      .sort(([a], [b]) => a - b)
      .map(([graceMs, count]) => {
        records += count
        return { graceMs, records }
      })
  }
}
