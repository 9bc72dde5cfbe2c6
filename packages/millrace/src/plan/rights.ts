import type { AccessOperation, AccessRight } from '../std/access-right.ts'
import type { Graph } from './graph.ts'
import { groupName } from './names.ts'
import { usesStore } from './stateful.ts'
import { subTopologies } from './sub-topology.ts'

/** A right that a pipeline needs on Kafka, and what for. */
export interface NeededRight extends AccessRight {
  readonly why: string
}

export interface RightsOptions {
  /** The run creates sources and sinks that do not exist. */
  readonly createTopics?: boolean
}

/**
 * What a user of Kafka has to be allowed to run a pipeline: nothing can be left out, and nothing is there twice. Read, Write and
 * Delete include Describe. What a pipeline names itself it names with one beginning (SEMANTICS 1.4), so those rights are prefixed.
 */
export function neededRights(app: string, graph: Graph, { createTopics }: RightsOptions = {}): NeededRight[] {
  const group = groupName(app, graph.name)
  const create = createTopics ? (['Create'] as const) : []
  const rights = [
    ...graph.nodes.flatMap(node => {
      if (node.kind === 'source')
        return on('Topic', node.topic.name, ['Read', 'DescribeConfigs', ...create], 'a source')
      return node.kind === 'to'
        ? on('Topic', node.topic.name, ['Write', 'DescribeConfigs', ...create], 'a sink')
        : []
    }),
    ...ownTopics(`${group}.`, graph),
    ...on('Group', group, ['Read'], 'its group and positions'),
    ...on('TransactionalId', `${group}-`, ['Write'], 'its commits', true),
  ]
  const seen = new Set<string>()
  return rights.filter(({ operation, resource, name }) => {
    const key = `${resource} ${operation} ${name}`
    return !seen.has(key) && seen.add(key)
  })
}

/** Side streams, re-keyings and changelogs. */
function ownTopics(prefix: string, graph: Graph): NeededRight[] {
  const subs = subTopologies(graph)
  const reads = subs.some(
    ({ nodeIds, inputs }) =>
      nodeIds.some(id => usesStore(graph.nodes[id]!)) || inputs.some(({ kind }) => kind === 'repartition'),
  )
  const operations: readonly AccessOperation[] = reads
    ? ['Create', 'Write', 'DescribeConfigs', 'Read', 'Delete']
    : ['Create', 'Write', 'DescribeConfigs']
  return on('Topic', prefix, operations, 'its own topics', true)
}

function on(
  resource: AccessRight['resource'],
  name: string,
  operations: readonly AccessOperation[],
  why: string,
  isPrefix = false,
): NeededRight[] {
  return operations.map(operation => ({ operation, resource, name, isPrefix, why }))
}
