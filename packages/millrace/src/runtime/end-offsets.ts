import { decodeMetadata } from '../engine/metadata.ts'
import type { Log } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { groupName } from '../plan/names.ts'
import { checkedStart } from '../plan/start.ts'
import type { Clock } from '../std/clock.ts'
import { endKey, type RunBounds } from './host.ts'

/** What a bounded run that begins now is. */
export async function runBounds(app: RunningBounds, graph: Graph): Promise<RunBounds> {
  const { name, log, clock, options } = app
  const ends = await endOffsets(log, graph, options.until)
  return { no: await nextRunNo(log, groupName(name, graph.name), clock), ends }
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
 * that begin in several processes at about the same time may have different ones. A transaction that a killed process has left open
 * is not waited for: its run began before now.
 */
export async function nextRunNo(log: Log, group: string, clock: Clock): Promise<number> {
  const positions = (await log.describeGroup(group))?.positions ?? []
  const channels = positions.flatMap(({ metadata }) => decodeMetadata(metadata).channels)
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
