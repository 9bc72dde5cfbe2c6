import { decodeMetadata } from '../engine/metadata.ts'
import type { Log } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { groupName } from '../plan/names.ts'
import { checkedStart } from '../plan/start.ts'
import { subTopologies } from '../plan/sub-topology.ts'
import type { Clock } from '../std/clock.ts'
import { endKey, type RunBounds } from './host.ts'
import { inputTopics, type PartitionCounts } from './topics.ts'

/** What a bounded run that begins now is. */
export async function runBounds(
  app: RunningBounds,
  graph: Graph,
  counts: PartitionCounts,
): Promise<RunBounds> {
  const { name, log, clock, options } = app
  const ends = await endOffsets(log, graph, options.until)
  return { no: await nextRunNo(log, name, graph, counts, clock), ends }
}

interface RunningBounds {
  readonly name: string
  readonly log: Log
  readonly clock: Clock
  readonly options: { readonly until?: Date | number }
}

/**
 * Where a bounded run ends in each source partition, by `endKey`: at its end as of now, or, with `until`, before its first record of
 * that time or later.
 */
async function endOffsets(
  log: Log,
  graph: Graph,
  until: Date | number | undefined,
): Promise<Map<string, number>> {
  const untilMs = until === undefined ? undefined : untilTime(until)
  const ends = new Map<string, number>()
  for (const node of graph.nodes) {
    if (node.kind !== 'source') continue
    const topic = node.topic.name
    for (const { partition, latest } of await log.offsets(topic)) {
      const end = untilMs === undefined ? latest : await log.offsetForTime(topic, partition, untilMs)
      ends.set(endKey({ topic, partition }), Math.min(end, latest))
    }
  }
  return ends
}

/**
 * The number of a bounded run that begins now: larger than that of every run that has ended something in the pipeline's group. Runs
 * that begin in several processes at about the same time may have different ones.
 */
export async function nextRunNo(
  log: Log,
  app: string,
  graph: Graph,
  counts: PartitionCounts,
  clock: Clock,
): Promise<number> {
  const topics = new Set(subTopologies(graph).flatMap(sub => inputTopics(app, graph, sub)))
  const partitions = [...topics].flatMap(topic =>
    Array.from({ length: counts.get(topic) ?? 1 }, (_, partition) => ({ topic, partition })),
  )
  const committed = await log.committed(groupName(app, graph.name), partitions)
  const channels = committed.flatMap(({ metadata }) => decodeMetadata(metadata).channels)
  return channels.reduce((no, { end }) => Math.max(no, (end?.no ?? 0) + 1), Math.max(1, clock.now()))
}

/** Throws for what is no time, and for a run that has no end. */
export function checkUntil({
  until,
  once,
}: {
  readonly until?: Date | number
  readonly once?: boolean
}): void {
  if (until === undefined) return
  untilTime(until)
  if (!once)
    throw new Error('until is where a bounded run ends, and this one goes on; add once: true (--once)')
}

function untilTime(until: Date | number): number {
  const refusal = () => new Error(`until is ${String(until)}; give a Date, or ms since the epoch`)
  const time = checkedStart(until, refusal)
  // A rule such as 'latest', which untyped code may give.
  if (typeof time !== 'number') throw refusal()
  return time
}
