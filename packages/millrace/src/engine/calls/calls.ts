import type { StatefulStep } from '../stateful-step.ts'
import { AsyncStep } from './async-step.ts'

/** The `asyncMap` steps of one task as those who drive it see them. */
export class Calls {
  readonly steps: readonly AsyncStep[]

  constructor(steps: readonly (StatefulStep | undefined)[]) {
    this.steps = steps.filter(step => step instanceof AsyncStep)
  }

  /** No record waits for its result. */
  get isIdle(): boolean {
    return this.steps.every(step => step.isIdle)
  }

  /** As many records wait as may: the task reads no further ones. */
  get isFull(): boolean {
    return this.steps.some(step => step.isFull)
  }

  /** No record waits at one of these steps. */
  areIdle(nodes: readonly number[]): boolean {
    return this.steps.every(step => step.isIdle || !nodes.includes(step.node))
  }

  /** What event time cannot go beyond behind a step; Infinity where no record waits. */
  heldAt(node: number): number {
    return this.steps.find(step => step.node === node)?.heldAt ?? Number.POSITIVE_INFINITY
  }

  /** Gives the results on that may leave; false when there were none. */
  giveOn(): boolean {
    let gave = false
    for (const step of this.steps) gave = step.giveOn() || gave
    return gave
  }

  /** After the task's end nothing leaves any more, and calls under way are aborted. */
  close(): void {
    for (const step of this.steps) step.close()
  }
}
