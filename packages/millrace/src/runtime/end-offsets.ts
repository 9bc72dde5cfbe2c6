import type { Log } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { checkedStart } from '../plan/start.ts'
import { endKey } from './host.ts'

/**
 * Where a bounded run ends in each source partition, by `endKey`: at its end as of now, or, with `until`, before its first record of
 * that time or later.
 */
export async function endOffsets(
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
