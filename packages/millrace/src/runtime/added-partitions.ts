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

/** How many tasks a sub-topology has, by its name, as records and committed times of theirs have shown. */
export type SeenTasks = Map<string, number>

/**
 * Takes note of a task that writes re-keyed records, of whose partition only whoever has it was told. False when no task of this
 * pipeline can have that name.
 */
export function learnUpstream(
  seen: SeenTasks,
  upstream: string,
  plans: readonly SubProgram['plan'][],
): boolean {
  const [, name, partition] = taskOfSources.exec(upstream) ?? []
  const plan = plans.find(({ sub }) => sub.name === name)
  if (plan === undefined || plan.sub.inputs.some(({ kind }) => kind !== 'source')) return false
  seen.set(name!, Math.max(Number(partition) + 1, seen.get(name!) ?? 0))
  return true
}

/** Times that were committed for upstream tasks must not be forgotten because this process was not told of their partitions. */
export function learnChannels(
  seen: SeenTasks,
  positions: readonly { readonly metadata: Uint8Array }[],
  plans: readonly SubProgram['plan'][],
): void {
  for (const { metadata } of positions)
    for (const { name } of decodeMetadata(metadata).channels) learnUpstream(seen, name, plans)
}
