import type { OutgoingBatch, PositionUpdate } from '../log/log.ts'
import { changelogTopic } from '../plan/names.ts'
import { RowTooLargeError } from '../state/changelog.ts'
import { TaskStopped } from './failures.ts'
import { encodeMetadata, type InputMetadata } from './metadata.ts'
import type { StatefulStep } from './stateful-step.ts'
import type { Task } from './task.ts'
import { Settled } from './time.ts'

/** What a task contributes to a commit (SEMANTICS 2.1). */
export interface TaskCut {
  readonly outputs: readonly OutgoingBatch[]
  readonly changelog: readonly ChangelogCut[]
  readonly positions: readonly PositionUpdate[]
}

/** The changes of one step's store, in order. */
export interface ChangelogCut {
  readonly step: StatefulStep
  readonly topic: string
  readonly batches: readonly OutgoingBatch[]
}

/**
 * Cuts out of a task everything since its last cut. The caller commits it whole or drops the task. A parked
 * task must not be cut (SEMANTICS 7.2).
 */
export function cutTask(task: Task, wallTimeMs: number): TaskCut {
  task.outputs.markAll()
  const outputs = task.takeOutputs()
  task.isAhead = false
  const changelog = task.plan.stateful.flatMap(({ node }) =>
    changesOf(task, task.steps[node.id]!, wallTimeMs),
  )
  task.commits++
  task.cutEnd = task.hasEnded ? task.time.endedBy : undefined
  return { outputs, changelog, positions: positionsOf(task) }
}

function changesOf(task: Task, step: StatefulStep, wallTimeMs: number): ChangelogCut[] {
  const topic = changelogTopic(task.plan.app, task.plan.graph.name, step.name)
  const sink = task.changelogOf(step, topic)
  step.settleClosing()
  try {
    step.store.writeChanges(sink, wallTimeMs)
  } catch (error) {
    throw error instanceof RowTooLargeError ? stateTooLarge(task, step, topic, error) : error
  }
  const { partition } = task
  const batches = sink
    .finish()
    .map(bytes => ({ topic, partition, bytes, release: () => task.memory.giveWhole(bytes) }))
  if (batches.length === 0) return []
  return [{ step, topic, batches }]
}

function stateTooLarge(task: Task, step: StatefulStep, topic: string, error: RowTooLargeError): TaskStopped {
  const { key, bytes, maxBytes } = error
  const shown = JSON.stringify(task.readKey(step.kind, key, ...step.keyRange(key, 0, key.length)))
  const hasSetting = task.recordBytesMaxOf(topic) !== undefined
  const setting = `, or let topic ${topic} take more (max.message.bytes)`
  return new TaskStopped(
    `What step "${step.name}" keeps for the key ${shown} takes ${bytes} bytes, and a record of its changelog at most ${maxBytes}. Keep less ` +
      `for one key: group by a finer key first, or count without keeping every value${hasSetting ? setting : ''}. ` +
      'State and positions are those of the last commit, and a start goes on from there',
    { cause: error },
  )
}

function positionsOf(task: Task): PositionUpdate[] {
  const committed = task.inputs.filter(input => !input.isGlobal)
  return committed.map(input => {
    const { topic, partition, position: offset, index } = input
    const metadata = encodeMetadata({
      channels: channelsOf(task, index),
      task: index === 0 ? taskMetadata(task) : undefined,
    })
    const previousOffset = input.committedOffset
    input.committedOffset = offset
    return { topic, partition, offset, metadata, previousOffset }
  })
}

function channelsOf({ intake, time }: Task, index: number): InputMetadata['channels'] {
  return intake.channels
    .filter(({ input }) => input === index)
    .map(({ name, channel }) => ({ name, ...time.channelState(channel) }))
}

function taskMetadata(task: Task): InputMetadata['task'] {
  return {
    watermark: task.time.watermark,
    settled: task.time.registers[Settled]!,
    commits: task.commits,
    ticks: task.plan.wallTicks.map(({ id }) => task.ticks.last(id)),
  }
}
