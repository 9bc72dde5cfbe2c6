import { analyseCallback } from '../serde/json/analyse.ts'
import type { Edge, Graph, StreamJoinNode } from './graph.ts'
import { serdeAt } from './serde-at.ts'
import { makesValues } from './walk.ts'

/**
 * The fields that a join of streams reads of the records of one side, where these can be kept as the JSON they came in; undefined where they are kept as
 * values: those that are no JSON of a source, and those that the callback wants whole.
 */
export function keptAsText(graph: Graph, node: StreamJoinNode, side: number): readonly string[] | undefined {
  const use = analyseCallback(node.fn, side)
  return use.whole || !isText(graph, node.inputs[side]!) ? undefined : [...use.fields].sort()
}

/**
 * Whether a join finds what it keeps as text there with every record that comes, and so needs nothing of its value: not where sources were merged whose records
 * may also come as values.
 */
export function needsOnlyText(graph: Graph, node: StreamJoinNode, side: number): boolean {
  return serdeAt(graph, node.inputs[side]!) !== undefined && keptAsText(graph, node, side) !== undefined
}

/** Whether the values on an edge are what `JSON.parse` makes of the record they were read from. */
function isText(graph: Graph, { from, port }: Edge): boolean {
  const node = graph.nodes[from]!
  if (node.kind === 'source') return port === 'out' && isPlain(node.topic.value)
  // What a re-keying makes of values is JSON.
  if (node.kind === 'keyBy' && port === 'out') {
    const carried = serdeAt(graph, node.inputs[0]!)
    return carried === undefined || isPlain(carried.serde)
  }
  if (port === 'rows' || port === 'changes' || makesValues(node, port)) return false
  return node.inputs.every(input => isText(graph, input))
}

function isPlain({ json }: { readonly json?: { readonly transformation: string } }): boolean {
  return json?.transformation === 'none'
}
