import type { Serde } from '../serde/serde.ts'
import type { Edge, Graph } from './graph.ts'
import type { Topic } from './topic.ts'
import { makesValues } from './walk.ts'

/** How the bytes of a value were written that no step has changed since. */
export interface ValueOrigin {
  readonly serde: Serde<unknown>
  readonly validate: Topic['validate']
}

/**
 * Where the value on an edge comes from unchanged: undefined behind a step that makes new values, and where
 * sources with different declarations of it were merged.
 */
export function serdeAt(graph: Graph, edge: Edge): ValueOrigin | undefined {
  const node = graph.nodes[edge.from]!
  if (node.kind === 'source') {
    const { value: serde, validate } = node.topic
    return edge.port === 'out' ? { serde, validate } : undefined
  }
  if (edge.port === 'rows' || edge.port === 'changes' || makesValues(node, edge.port)) return undefined
  const [first, ...others] = node.inputs.map(input => serdeAt(graph, input))
  const same = others.every(other => other?.serde === first?.serde && other?.validate === first?.validate)
  return same ? first : undefined
}
