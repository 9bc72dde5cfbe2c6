import type { Fired } from './timers.ts'

export type Clock = 'event' | 'wall'

/** A timer that has come up; in place of a value where it waits for another attempt. */
export class FiredTimer implements Fired {
  readonly tag: string
  readonly time: number
  readonly clock: Clock
  readonly generation: number
  constructor(tag: string, time: number, clock: Clock, generation: number) {
    this.tag = tag
    this.time = time
    this.clock = clock
    this.generation = generation
    Object.freeze(this)
  }
}
