import { deepFreeze } from '../serde/freeze.ts'
import { toEventTime } from '../serde/timestamp.ts'
import { isBroken } from '../std/broken-rules.ts'
import type { Decode } from './decode.ts'
import { saidWatermark } from './said-watermark.ts'
import type { Task } from './task.ts'
import type { TaskInput } from './task-input.ts'

const takesFuture = isBroken('3.6')

/**
 * Reads the next record that reaches the steps into `input.heldValue` and `heldTime`, dealing with all others
 * on the way: markers, ends, tombstones, what is rejected.
 */
export function readHead(task: Task, input: TaskInput, decode: Decode): 'record' | 'end' | 'closing' {
  if (input.held) {
    input.held = false
    return 'record'
  }
  const { cursor, origin } = input
  for (;;) {
    if (!cursor.next()) {
      input.closeBatch()
      return 'end'
    }
    const past = cursor.offset < input.startOffset
    if (origin.kind === 'repartition' && cursor.keyStart < 0) {
      if (!task.intake.mark(input, past)) return 'closing'
      continue
    }
    if (past) continue
    const read =
      origin.kind === 'repartition' ? readCarried(task, input, decode) : readSource(task, input, decode)
    if (read !== 'skip') return read
  }
}

function readCarried(task: Task, input: TaskInput, decode: Decode): 'record' {
  const { cursor } = input
  try {
    input.heldValue = decodedValue(input, decode)
  } catch (error) {
    task.intake.unreadable(input, error)
  }
  input.heldTime = cursor.timestamp
  return 'record'
}

function decodedValue({ cursor }: TaskInput, decode: Decode): unknown {
  return cursor.valueStart < 0 ? null : deepFreeze(decode(cursor.buffer, cursor.valueStart, cursor.valueEnd))
}

function readSource(task: Task, input: TaskInput, decode: Decode): 'record' | 'skip' | 'closing' {
  const { cursor } = input
  const { node } = input.origin as Extract<TaskInput['origin'], { kind: 'source' }>
  try {
    if (cursor.keyStart >= 0) node.topic.keySerde.deserialize(cursor.buffer, cursor.keyStart, cursor.keyEnd)
    if (cursor.valueStart < 0 && task.intake.isEndOfInput(input)) {
      return task.intake.endOfInput(input) ? 'skip' : 'closing'
    }
    input.heldValue = decodedValue(input, decode)
    input.heldTime = eventTime(task, input)
    if (node.watermark !== undefined) {
      const saysNothing = cursor.valueStart < 0
      input.said = saysNothing
        ? Number.NEGATIVE_INFINITY
        : saidWatermark(node.watermark, input.heldValue, input.heldTime)
    }
  } catch (error) {
    task.intake.reject(node.id, error)
    return 'skip'
  }
  if (!takesFuture && input.heldTime > task.clock.now() + node.maxFutureMs) {
    task.intake.reject(node.id, task.intake.tooFarInFuture(input.heldTime))
    return 'skip'
  }
  return cursor.valueStart < 0 && !node.nulls ? tombstone(task, input) : 'record'
}

/** A null value has the record's own time, whatever the topic says. */
function eventTime(task: Task, input: TaskInput): number {
  const { cursor } = input
  const { node } = input.origin as Extract<TaskInput['origin'], { kind: 'source' }>
  const { timestamp } = node.topic
  if (timestamp === undefined || cursor.valueStart < 0) {
    if (!(cursor.timestamp >= 0)) throw task.intake.noTimestamp()
    return cursor.timestamp
  }
  const value = input.heldValue
  if (typeof timestamp === 'string') return toEventTime((value as Record<string, unknown>)[timestamp])
  return toEventTime(timestamp(value, task.intake.sourceRecord(input)))
}

function tombstone(task: Task, input: TaskInput): 'skip' | 'closing' {
  const { cursor } = input
  const { node } = input.origin as Extract<TaskInput['origin'], { kind: 'source' }>
  task.sides.tombstone(node.id, cursor.buffer, cursor.keyStart, cursor.keyEnd, input.heldTime)
  return task.raise(input, input.heldTime) ? 'skip' : 'closing'
}
