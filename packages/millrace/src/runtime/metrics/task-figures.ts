import type { AsyncStep } from '../../engine/calls/async-step.ts'
import type { Task } from '../../engine/task.ts'
import type { TaskInput } from '../../engine/task-input.ts'
import type { CallFigures, InputFigures, TaskFigures } from './figures.ts'

/** What a task has done so far and how far it is behind. */
export function taskFigures(task: Task): TaskFigures {
  const { counters, inputs } = task
  const nowMs = task.clock.now()
  return {
    task: task.name,
    records: sum(inputs, ({ recordsRead, markersRead }) => recordsRead - markersRead),
    bytes: sum(inputs, ({ bytesRead }) => bytesRead),
    outputRecords: counters.outputRecords,
    outputBytes: counters.outputBytes,
    changelogBytes: counters.changelogBytes,
    late: counters.late,
    lateByRelease: counters.lateByRelease,
    rejected: counters.rejected,
    failed: counters.failed,
    isParked: task.isParked,
    watermarkMs: task.time.watermark,
    // Of a global topic every task is behind by itself; no group has a position in it.
    inputs: inputs.filter(({ isGlobal }) => !isGlobal).map(input => inputFigures(input, nowMs)),
    calls: task.calls.steps.map(step => callFigures(step, task.clock.monotonic())),
    steps: task.plan.stateful.map(({ node }) => {
      const { store } = task.steps[node.id]!
      return { step: node.name, rows: store.size, bytes: store.byteLength }
    }),
  }
}

function callFigures({ name, size, oldest, counters }: AsyncStep, nowMs: number): CallFigures {
  return {
    step: name,
    waiting: size,
    oldestMs: oldest === undefined ? 0 : nowMs - oldest.sinceMs,
    made: counters.calls,
    retries: counters.retries,
    failures: counters.failures,
  }
}

function inputFigures(input: TaskInput, nowMs: number): InputFigures {
  const { topic, partition } = input
  const lag = lagOf(input)
  const oldest = input.nextTimestamp
  const oldestAgeMs = lag === 0 || oldest === undefined || oldest < 0 ? 0 : Math.max(0, nowMs - oldest)
  return { topic, partition, lag, oldestAgeMs, isPaused: input.pausedFor !== undefined }
}

/** Records between what is processed and the end of the partition, as the last fetch saw it. */
export function lagOf({ highWatermark, position }: TaskInput): number {
  return Math.max(0, highWatermark - position)
}

function sum<T>(all: readonly T[], of: (each: T) => number): number {
  return all.reduce((total, each) => total + of(each), 0)
}
