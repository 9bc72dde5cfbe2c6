import type { Task } from '../task.ts'

/** The event time that has reached a step with the record in work, and the watermark that the record is judged by. */
export function watermarkInWork(task: Task, node: number): { reached: number; own: number } {
  const reached = task.reached(node)
  const { ownWatermark } = task
  // Rows of an emission on the wall clock have none of their own.
  const own = Number.isNaN(ownWatermark) ? reached + task.plan.reaches[node]!.holdMs : ownWatermark
  return { reached, own }
}
