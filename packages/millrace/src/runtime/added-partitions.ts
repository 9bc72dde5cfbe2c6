import type { SubProgram } from '../engine/compile-sub.ts'
import { TaskStopped } from '../engine/failures.ts'
import { decodeMetadata } from '../engine/metadata.ts'
import type { TopicPartition } from '../log/log.ts'

/** Something of a pipeline that reads topics. */
export interface Reading {
  readonly plan: SubProgram['plan']
  readonly topics: readonly string[]
}

/**
 * Takes note of partitions that were added while the pipeline ran (SEMANTICS 5.9). Throws `TaskStopped` where a step is keyed directly on
 * their topic: its rows belong to other partitions now.
 */
export function learnAdded(
  counts: Map<string, number>,
  assigned: readonly TopicPartition[],
  readings: readonly Reading[],
): void {
  for (const { topic, partition } of assigned) {
    const known = counts.get(topic)
    if (known === undefined || partition < known) continue
    for (const { plan, topics } of readings) if (topics.includes(topic)) checkReading(plan, topic)
    counts.set(topic, partition + 1)
  }
}

function checkReading({ stateful: [step] }: SubProgram['plan'], topic: string): void {
  if (step === undefined) return
  throw new TaskStopped(
    `Partitions were added to ${topic}, on which the step "${step.node.name}" is keyed directly: its keys are in other partitions ` +
      'now than their rows (SEMANTICS 5.9). Start again with --reset, or key the stream with keyBy',
  )
}

const taskOfSources = /^(.+)\/(\d+)$/su

/**
 * Takes note of a task that writes re-keyed records, of whose partition only whoever has it was told. False when no task of this
 * pipeline can have that name.
 */
export function learnUpstream(
  counts: Map<string, number>,
  upstream: string,
  readings: readonly Reading[],
): boolean {
  const [, name, partition] = taskOfSources.exec(upstream) ?? []
  const reading = readings.find(({ plan }) => plan.sub.name === name)
  if (reading === undefined || reading.plan.sub.inputs.some(({ kind }) => kind !== 'source')) return false
  const least = Number(partition) + 1
  for (const topic of reading.topics) if ((counts.get(topic) ?? 1) < least) counts.set(topic, least)
  return true
}

/** Times that were committed for upstream tasks must not be forgotten because this process was not told of their partitions. */
export function learnChannels(
  counts: Map<string, number>,
  positions: readonly { readonly metadata: Uint8Array }[],
  readings: readonly Reading[],
): void {
  for (const { metadata } of positions)
    for (const { name } of decodeMetadata(metadata).channels) learnUpstream(counts, name, readings)
}
