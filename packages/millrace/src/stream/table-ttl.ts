import type { Edge } from '../plan/graph.ts'
import type { GraphBuilder } from '../plan/graph-builder.ts'
import type { Timers } from '../plan/process.ts'
import { type Duration, toMs } from '../std/duration.ts'
import { processNode } from './process.ts'

/** The changes on an edge, and a null for each row that was not set anew for so long in event time. */
export function expiring(builder: GraphBuilder, from: Edge, name: string, ttl: Duration): Edge {
  const ttlMs = toMs(ttl, `${name}, ttl`)
  if (ttlMs === 0) builder.fail(name, 'its rows are kept for no time', 'give a longer ttl, or leave it out')
  const keep = (row: unknown, { timers, timestamp }: { timers: Timers; timestamp: number }) => {
    if (row === null) timers.cancel()
    else timers.at(timestamp + ttlMs)
    return [row]
  }
  const node = processNode(builder, from, `${name}-ttl`, { onTimer: () => [null] }, keep, undefined)
  return builder.add({ ...node, timersEnd: true })
}
