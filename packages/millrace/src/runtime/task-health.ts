import type { Task } from '../engine/task.ts'
import type { TaskHealth } from './app.ts'
import { lagOf } from './metrics/task-figures.ts'

/** What `health` says of a task. */
export function taskHealth(task: Task): TaskHealth {
  const { late, lateByRelease, rejected, failed } = task.counters
  const lag = task.inputs.reduce((sum, input) => sum + lagOf(input), 0)
  return {
    task: task.name,
    watermark: task.time.watermark,
    lag,
    late,
    lateByRelease,
    rejected,
    failed,
    parked: task.isParked,
    paused: task.inputs.flatMap(({ topic, partition, pausedFor }) =>
      pausedFor === undefined ? [] : [{ topic, partition, waitsFor: pausedFor }],
    ),
  }
}
