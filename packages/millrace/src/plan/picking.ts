import { type PickedMember, pickedAndComputed, pickedMembers } from '../serde/json/picked.ts'
import { isPlainJson } from '../serde/serde.ts'
import type {
  Edge,
  Graph,
  KeyByNode,
  LookupNode,
  MapNode,
  PlanNode,
  SourceNode,
  ToTopicNode,
} from './graph.ts'
import { type Consumer, consumersOf, hasRetry, recordInputs, tableOf } from './walk.ts'

/**
 * A step that picks members, and the sink that is all there is behind it: what it picks can be written from text to text. A join does nothing else; a
 * map may work other members out.
 */
export interface Picking {
  readonly node: MapNode | LookupNode
  readonly members: readonly PickedMember[]
  readonly sink: ToTopicNode
}

/**
 * The steps of that kind which the unchanged records of an input come to, by their ids. A record comes to each on one way, past nothing
 * but steps that may look at it.
 */
export function pickings(graph: Graph, input: SourceNode | KeyByNode): ReadonlyMap<number, Picking> {
  const consumers = consumersOf(graph)
  const found = new Map<number, Picking>()
  const follow = (from: PlanNode): void => {
    for (const { edge, node } of consumers[from.id]!) {
      if (recordInputs(node).length > 1 || hasRetry(node)) continue
      if (edge.port !== 'out' && !edge.port.startsWith('case:')) continue
      if (['filter', 'peek', 'branch', 'byKey'].includes(node.kind)) follow(node)
      const picking = pickingOf(graph, node, consumers[node.id]!)
      if (picking !== undefined) found.set(node.id, picking)
    }
  }
  follow(input)
  return found
}

function pickingOf(graph: Graph, node: PlanNode, behind: readonly Consumer[]): Picking | undefined {
  if (node.kind !== 'map' && !(node.kind === 'lookup' && keepsRows(graph, node.inputs[1]!))) return undefined
  const [only, ...others] = behind.filter(({ edge }) => edge.port === 'out')
  if (only === undefined || others.length > 0 || !isPlainSink(only.node)) return undefined
  // What a map is given beside the value is the record's metadata, so that is computed.
  const members = node.kind === 'map' ? pickedAndComputed(node.fn) : pickedMembers(node.fn)
  return members === undefined ? undefined : { node, members, sink: only.node }
}

/** Whether the rows of a table are kept as they are given out. */
function keepsRows(graph: Graph, edge: Edge): boolean {
  const table = tableOf(graph, edge)
  return table.kind === 'tableJoin' || (table.kind === 'table' && table.versionsMs === undefined)
}

/** Whether nothing but JSON stands between a value and what is written. */
function isPlainSink(node: PlanNode): node is ToTopicNode {
  return (
    node.kind === 'to' &&
    node.inputs.length === 1 &&
    node.topic.key === undefined &&
    isPlainJson(node.topic.value)
  )
}
