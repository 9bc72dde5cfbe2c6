import type { TaskInput } from '../engine/task-input.ts'
import type { PipelineRun } from './pipeline-run.ts'

export interface StallState {
  readonly stalled: TaskInput
  /** What was seen of it. */
  readonly what: string
  readonly runs: readonly PipelineRun[]
  readonly isFailing: (input: TaskInput) => boolean
  /** The fetch under way. */
  readonly fetch: { readonly asked: ReadonlySet<unknown>; readonly begunMs: number } | undefined
  readonly nowMs: number
}

/** The error of an input that stands still. It says all there is to say: whoever reads it cannot look any more. */
export function stallText(state: StallState): string {
  const { topic, partition, fetchOffset } = state.stalled
  return [
    `${topic}/${partition} stands still at ${fetchOffset}: ${state.what}.`,
    'This is a defect of Millrace or of the log: please report it with this text. A restart goes on from the last commit.',
    `${fetchText(state)};`,
    inputTexts(state).join('; '),
  ].join(' ')
}

function fetchText({ fetch, stalled, nowMs }: StallState): string {
  if (fetch === undefined) return 'No fetch is under way'
  const lacks = fetch.asked.has(stalled) ? '' : ', without this one'
  return `A fetch over ${fetch.asked.size} inputs began ${agoText(fetch.begunMs, nowMs)}${lacks}`
}

function inputTexts({ runs, isFailing, nowMs }: StallState): string[] {
  return runs.flatMap(run =>
    run.tasks.flatMap(task =>
      task.inputs.map(input => {
        const { topic, partition, fetchOffset, stableOffset, highWatermark, bufferedBytes, answeredMs } =
          input
        const odd = [isFailing(input) ? ', failing' : '', task.isParked ? ', parked' : ''].join('')
        const place = `${topic}/${partition} at ${fetchOffset}, readable to ${stableOffset} of ${highWatermark}`
        return `${run.name} ${task.name}: ${place}, ${bufferedBytes} bytes buffered, answered ${agoText(answeredMs, nowMs)}${odd}`
      }),
    ),
  )
}

function agoText(thenMs: number, nowMs: number): string {
  return Number.isFinite(thenMs) ? `${Math.round(nowMs - thenMs)} ms ago` : 'never'
}
