import type { Task } from './task.ts'
import type { TaskInput } from './task-input.ts'

/** Ends the sources that a bounded run has read (SEMANTICS 3.5); false when there were none, or they have ended already. */
export function endSources(task: Task, no: number, isRead: (input: TaskInput) => boolean): boolean {
  let ended = false
  for (const { channel, input } of task.intake.channels) {
    const end = task.time.endOf(channel)
    if (!isTimed(task.inputs[input]!) || (end !== undefined && end.no >= no)) continue
    if (!isRead(task.inputs[input]!)) continue
    task.setEnd(channel, { no, forGood: end?.forGood ?? false })
    ended = true
  }
  if (ended) task.advance()
  return ended
}

/** Whether an input is a source whose records move the task's time. */
export function isTimed(input: TaskInput): input is TaskInput & { origin: { kind: 'source' } } {
  return input.origin.kind === 'source' && !input.isGlobal
}
