import { checkCallback } from '../plan/callbacks.ts'
import type { Edge, StreamJoinNode } from '../plan/graph.ts'
import { toMs } from '../std/duration.ts'
import type { Fn, GraphEdge } from './graph-edge.ts'
import { GraphTable } from './graph-table.ts'
import type { JoinInterval } from './stream-join.ts'

export type StreamJoinArguments = [name: string, right: unknown, interval: JoinInterval, fn: Fn]

/** A step that joins the records on an edge with those of another stream. */
export function streamJoin(
  left: GraphEdge,
  how: StreamJoinNode['how'],
  ...[name, right, interval, fn]: StreamJoinArguments
): Edge {
  const { builder } = left
  const step = typeof name === 'string' ? name : 'join'
  const place = left.place(step)
  if (typeof name !== 'string')
    builder.fail(
      step,
      'it has no name for its store',
      `name it first: ${how === 'inner' ? 'join' : `${how}Join`}('name', …)`,
    )
  const other = left.edgeOf(step, right, 'stream')
  if (right instanceof GraphTable)
    builder.fail(step, 'it was given a name and a table', 'leave the name out: join(table, fn)')
  if (typeof interval !== 'object' || interval === null)
    builder.fail(
      step,
      'it has no interval',
      "say how far apart records may be: { before: '10s', after: '10s' }",
    )
  checkCallback(fn, 'the callback', place)
  const { before = 0, after = 0, grace = 0 } = interval
  return builder.add({
    kind: 'streamJoin',
    name,
    how,
    beforeMs: toMs(before, `${step}, before`),
    afterMs: toMs(after, `${step}, after`),
    graceMs: toMs(grace, `${step}, grace`),
    fn,
    inputs: [left.edge, other],
  })
}
