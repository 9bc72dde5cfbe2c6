import { checkCallback, checkFieldOrFn } from '../plan/callbacks.ts'
import type { Edge, LookupNode } from '../plan/graph.ts'
import type { GraphBuilder } from '../plan/graph-builder.ts'
import type { Topic } from '../plan/topic.ts'
import { type Fn, GraphEdge, portOf } from './graph-edge.ts'
import { retryPolicy } from './retry-policy.ts'
import type { GlobalJoinOptions, GlobalTable } from './table.ts'

/** A table that can be looked up and nothing else. */
export class GraphGlobalTable extends GraphEdge {}

/** The global table of a source node, the one of that name where there is one already. */
export function globalTableOf(
  builder: GraphBuilder,
  source: Edge,
  topic: Topic,
  name: string,
): GlobalTable<any, any> {
  const known = builder.nodes.find(
    node => node.kind === 'globalTable' && node.name === name && node.topic === topic,
  )
  const edge: Edge = known
    ? { from: known.id, port: 'out' }
    : builder.add({ kind: 'globalTable', name, topic, inputs: [source] })
  return new GraphGlobalTable(builder, edge) as unknown as GlobalTable<any, any>
}

/** The rows of a global table of this pipeline; throws where `table` is something else. */
export function globalRowsOf(from: GraphEdge, step: string, table: unknown): Edge {
  const rows = from.edgeOf(step, table, 'table')
  if (!(table instanceof GraphGlobalTable))
    from.builder.fail(
      step,
      'it was given something else than a global table',
      'make one with p.globalTable(topic)',
    )
  return portOf(rows, 'rows')
}

/** A step that meets each record on an edge with the row of a global table under a key of its own. */
export function globalLookup(
  from: GraphEdge,
  how: LookupNode['how'],
  table: unknown,
  { key, name, retry }: GlobalJoinOptions<string | Fn>,
  fn: Fn,
): Edge {
  const { builder } = from
  const step = name ?? 'join'
  const rows = globalRowsOf(from, step, table)
  if (key === undefined)
    builder.fail(
      step,
      'it does not say which row of the global table is meant',
      "name the field that has its key: joinGlobal(table, { key: 'product' }, …)",
    )
  checkFieldOrFn(key, 'the key', from.place(step))
  checkCallback(fn, 'the callback', from.place(step))
  return builder.add({
    kind: 'lookup',
    name,
    how,
    fn,
    key,
    retry: retryPolicy(builder, step, retry),
    inputs: [from.edge, rows],
  })
}
