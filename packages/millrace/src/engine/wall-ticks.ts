import type { EmitNode } from '../plan/graph.ts'
import { CronTimes } from '../window/cron.ts'
import { type EmittingStep, isEmitting } from './emitting-step.ts'
import type { Reach } from './reach.ts'
import type { Task } from './task.ts'
import { Settled } from './time.ts'

/** When a wall-clock emission fired last, and how far the event time was then. */
export interface Tick {
  readonly watermark: number
  /** Of one by a schedule: since when rows have waited, once there are some. */
  readonly atMs: number
}

/** The emissions of one task that go by the wall clock: when each fired last, and when it fires next. */
export class WallTicks {
  readonly #task: Task
  /** By emit node id. */
  readonly #last = new Map<number, Tick>()
  /** The same for watermarks whose rows have all gone out. */
  readonly #settled = new Map<number, number>()
  /** Of the emissions that go by a schedule. */
  readonly #schedules = new Map<number, CronTimes>()

  constructor(task: Task) {
    this.#task = task
    for (const { id, emission } of task.plan.wallTicks) {
      this.#last.set(id, { watermark: Number.NEGATIVE_INFINITY, atMs: 0 })
      if ('schedule' in emission) this.#schedules.set(id, new CronTimes(emission.schedule))
    }
  }

  /** The watermark that is behind an emission: the one at its last tick. */
  watermark(emit: number): number {
    return this.#last.get(emit)!.watermark
  }

  /** The task watermark at which event time reaches `time` at a node; Infinity while a wall-clock emission in front holds it back. */
  dueAt({ wallTicks, holdMs }: Reach, time: number): number {
    for (const tick of wallTicks)
      if (this.watermark(tick.emit) - tick.holdMs < time) return Number.POSITIVE_INFINITY
    return time + holdMs
  }

  /** What an emission passes on: behind it, everything due up to here has gone out (SEMANTICS 3.2). */
  settledWatermark(emit: number): number {
    return this.#settled.get(emit) ?? Number.NEGATIVE_INFINITY
  }

  /** Everything due has gone out. */
  settle(): void {
    for (const [emit, { watermark }] of this.#last) this.#settled.set(emit, watermark)
  }

  /** The last tick of an emission, for a commit. */
  last(emit: number): Tick {
    return this.#last.get(emit)!
  }

  restore(emit: number, tick: Tick): void {
    this.#last.set(emit, tick)
  }

  /** The first row waits for an emission: a schedule's times that passed without any are none to make up for. */
  beginWait(emit: number): void {
    if (this.#schedules.has(emit)) this.#last.set(emit, { ...this.last(emit), atMs: this.#task.clock.now() })
  }

  /** Rows wait for one of these emissions. */
  wait(emits: readonly number[]): boolean {
    return emits.length > 0 && [...this.#waiting()].some(({ id }) => emits.includes(id))
  }

  /** Wall time of the next tick or wall-clock timer; Infinity while nothing waits for one. */
  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const emit of this.#waiting()) next = Math.min(next, this.#dueMs(emit))
    for (const step of this.#task.steps) next = Math.min(next, step?.nextWallMs ?? Number.POSITIVE_INFINITY)
    return next
  }

  *#waiting(): Iterable<EmitNode> {
    for (const emit of this.#task.plan.wallTicks) {
      if (this.#aggregates().some(step => step.waitsForTick(emit.id))) yield emit
    }
  }

  #aggregates(): EmittingStep[] {
    return this.#task.steps.filter(isEmitting)
  }

  /** Fires every emission and timer that is due; false when a slice is used up: call it again before any further record. */
  fire(nowMs: number): boolean {
    this.#task.closing.beginSlice()
    for (const emit of [...this.#waiting()]) {
      if (nowMs < this.#dueMs(emit)) continue
      if (!this.#fire(emit.id, nowMs)) return false
    }
    for (const step of this.#task.steps) step?.fireWall?.(nowMs)
    return this.#task.settleDue()
  }

  /** Sends out the changed rows, and tells what is behind how far time is. */
  #fire(emit: number, atMs: number): boolean {
    const task = this.#task
    for (const step of this.#aggregates()) {
      const emission = step.plan.emissions.find(({ node }) => node.id === emit)
      if (emission !== undefined && !step.tick(emission)) return false
    }
    const settled = task.time.registers[Settled]!
    this.#last.set(emit, { watermark: settled - task.plan.reaches[emit]!.holdMs, atMs })
    return task.closing.close(settled)
  }

  #dueMs({ id, emission }: EmitNode): number {
    const { atMs } = this.last(id)
    const schedule = this.#schedules.get(id)
    if (schedule !== undefined) return schedule.nextAfter(atMs)
    return 'everyMs' in emission ? atMs + emission.everyMs : Number.POSITIVE_INFINITY
  }
}
