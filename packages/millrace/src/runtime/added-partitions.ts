import type { SubProgram } from '../engine/compile-sub.ts'
import { TaskStopped } from '../engine/failures.ts'
import type { TopicPartition } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'

/** Something of a pipeline that reads topics. */
export interface Reading {
  readonly plan: SubProgram['plan']
  readonly topics: readonly string[]
}

/**
 * Takes note of partitions that were added while the pipeline ran (SEMANTICS 5.9). Throws `TaskStopped` where what reads them cannot
 * go on as it is: rows of a keyed step belong to other partitions now, and what is behind a keyBy has to know all who write to it.
 */
export function learnAdded(
  counts: Map<string, number>,
  assigned: readonly TopicPartition[],
  readings: readonly Reading[],
  graph: Graph,
): void {
  for (const { topic, partition } of assigned) {
    const known = counts.get(topic)
    if (known === undefined || partition < known) continue
    for (const { plan, topics } of readings) if (topics.includes(topic)) checkReading(plan, topic, graph)
    counts.set(topic, partition + 1)
  }
}

function checkReading({ stateful, sub }: SubProgram['plan'], topic: string, graph: Graph): void {
  const [step] = stateful
  if (step !== undefined)
    throw new TaskStopped(
      `Partitions were added to ${topic}, on which the step "${step.node.name}" is keyed directly: its keys are in other partitions ` +
        'now than their rows (SEMANTICS 5.9). Start again with --reset, or key the stream with keyBy',
    )
  if (sub.nodeIds.some(id => graph.nodes[id]!.kind === 'keyBy'))
    throw new TaskStopped(
      `Partitions were added to ${topic}, and what is behind a keyBy does not know them (SEMANTICS 5.9). Start the pipeline again: ` +
        'it reads them from their beginning',
    )
}
