import { metadataTopicSpec, upstreamsBesideMax } from '../log/kafka/metadata-topic.ts'
import { type Log, LogError, type TopicSpec } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { changelogTopic, groupName, repartitionTopic, type SideTopic, sideTopic } from '../plan/names.ts'
import { checkCoPartitioning, repartitionCounts } from '../plan/partitions.ts'
import { PlanError } from '../plan/plan-error.ts'
import { isTrimmed, keepsState } from '../plan/stateful.ts'
import { subTopologies } from '../plan/sub-topology.ts'
import type { Topic } from '../plan/topic.ts'

/** Side topics are read by people who come after the weekend. */
const sideRetentionMs = 7 * 24 * 3_600_000

/** The spec a declared topic is created with. */
export function specOf(topic: Topic): TopicSpec {
  const { name, partitions, cleanup, retentionMs, retentionBytes, kafka } = topic
  return { name, partitions, cleanup, retentionMs, retentionBytes, ...(kafka && { kafka }) }
}

/**
 * Makes sure that the declared topics exist; those that do keep the partition count they have. Missing ones are created
 * where `create` says so, by default everywhere but on Kafka; else they are an `unknown-topic` error.
 */
export async function ensureTopics(
  log: Log,
  topics: readonly Topic[],
  create = log.kind !== 'kafka',
): Promise<void> {
  const specs = new Map(topics.map(topic => [topic.name, specOf(topic)]))
  const existing = new Set((await log.describeTopics([...specs.keys()])).map(({ name }) => name))
  const missing = [...specs.values()].filter(({ name }) => !existing.has(name))
  if (missing.length === 0) return
  if (!create) throw noSuchTopics(missing)
  await log.createTopics(missing)
}

function noSuchTopics(missing: readonly TopicSpec[]): LogError {
  const names = missing.map(
    ({ name, partitions }) => `${name} (${partitions === 1 ? '1 partition' : `${partitions} partitions`})`,
  )
  return new LogError(
    'unknown-topic',
    `The log has no topic ${names.join(', ')}, and topics that others may use are not created unasked: ` +
      'millrace topics apply makes what the pipelines declare, and so does a start with --create-topics (createTopics: true)',
  )
}

/** Partition counts of everything a pipeline reads and writes. */
export type PartitionCounts = ReadonlyMap<string, number>

/**
 * Makes sure that every topic of a pipeline exists: sources, sinks, repartition and changelog topics. `adopt` may refuse
 * what is about to get state, with the counts of what it reads. Throws
 * `PlanError` where topics that meet in a store have different partition counts (SEMANTICS 5.9).
 */
export async function preparePipelineTopics(
  log: Log,
  app: string,
  graph: Graph,
  create?: boolean,
  adopt: (counts: PartitionCounts) => Promise<void> = async () => {},
): Promise<PartitionCounts> {
  const declared = declaredTopics(graph)
  await ensureTopics(log, declared, create)
  const counts = new Map<string, number>()
  const learn = async (names: readonly string[]) => {
    for (const { name, partitions } of await log.describeTopics(names)) counts.set(name, partitions)
  }
  await learn(declared.map(({ name }) => name))
  checkCoPartitioning(graph, topic => counts.get(topic))
  await createMissing(log, counts, repartitionSpecs(app, graph, counts))
  checkCoPartitioning(graph, topic => counts.get(topic))
  await adopt(counts)
  await createMissing(log, counts, changelogSpecs(app, graph, counts))
  checkChangelogs(app, graph, counts)
  return counts
}

/** Bytes of the largest record that each of these topics takes, where the log knows it (SEMANTICS 7.2). */
export async function recordLimits(log: Log, topics: readonly string[]): Promise<Map<string, number>> {
  const limits = new Map<string, number>()
  for (const { name, recordBytesMax } of await log.describeTopics(topics))
    if (recordBytesMax !== undefined) limits.set(name, recordBytesMax)
  return limits
}

export function declaredTopics(graph: Graph): Topic[] {
  return graph.nodes.flatMap(node => (node.kind === 'source' || node.kind === 'to' ? [node.topic] : []))
}

async function createMissing(
  log: Log,
  counts: Map<string, number>,
  specs: readonly TopicSpec[],
): Promise<void> {
  const names = specs.map(({ name }) => name)
  const existing = new Set((await log.describeTopics(names)).map(({ name }) => name))
  const missing = specs.filter(({ name }) => !existing.has(name))
  if (missing.length > 0) await log.createTopics(missing)
  for (const { name, partitions } of await log.describeTopics(names)) counts.set(name, partitions)
}

function repartitionSpecs(app: string, graph: Graph, counts: PartitionCounts): TopicSpec[] {
  const wanted = repartitionCounts(graph, topic => counts.get(topic))
  return [...wanted].map(([keyBy, partitions]) => ({
    name: repartitionTopic(app, graph.name, keyBy),
    partitions,
    cleanup: 'delete',
    // Nothing goes by age: what has been read and committed is trimmed.
    retentionMs: -1,
    retentionBytes: -1,
    internal: true,
  }))
}

function changelogSpecs(app: string, graph: Graph, counts: PartitionCounts): TopicSpec[] {
  return subTopologies(graph).flatMap(sub => {
    const partitions = taskCount(app, graph, sub, counts)
    return sub.nodeIds.flatMap((id): TopicSpec[] => {
      const node = graph.nodes[id]!
      if (!keepsState(node)) return []
      const name = changelogTopic(app, graph.name, node.name)
      const cleanup = isTrimmed(node) ? 'compact,delete' : 'compact'
      return [{ name, partitions, cleanup, retentionMs: -1, retentionBytes: -1, internal: true }]
    })
  })
}

function taskCount(
  app: string,
  graph: Graph,
  sub: Parameters<typeof inputTopics>[2],
  counts: PartitionCounts,
): number {
  return Math.max(...inputTopics(app, graph, sub).map(topic => counts.get(topic) ?? 1))
}

/** A store's partitions are those its keys were put into; with others their rows would be looked for in the wrong place (SEMANTICS 5.9). */
function checkChangelogs(app: string, graph: Graph, counts: PartitionCounts): void {
  for (const { name, partitions } of changelogSpecs(app, graph, counts)) {
    const stored = counts.get(name)
    if (stored === partitions) continue
    const step = name.split('.').at(-2)!
    throw new PlanError(
      { pipeline: graph.name, step },
      `its state lies in ${stored} partitions, and its input has ${partitions} by now`,
      `forget what was counted (millrace reset ${graph.name}), and put a keyBy('name', …) in front of it: that keeps its own number of partitions`,
    )
  }
}

/** The topics a sub-topology reads, in the order of its inputs. */
export function inputTopics(
  app: string,
  graph: Graph,
  sub: { readonly inputs: ReturnType<typeof subTopologies>[number]['inputs'] },
): string[] {
  return sub.inputs.map(input =>
    input.kind === 'source' ? input.node.topic.name : repartitionTopic(app, graph.name, input.keyBy.name),
  )
}

/** What a pipeline uses on the log beside the topics that it declares: for those who make topics in its place. */
export async function internalSpecs(log: Log, app: string, graph: Graph): Promise<TopicSpec[]> {
  const declared = declaredTopics(graph).map(({ name }) => name)
  const counts = new Map<string, number>()
  for (const { name, partitions } of await log.describeTopics(declared)) counts.set(name, partitions)
  const repartitions = repartitionSpecs(app, graph, counts)
  for (const { name, partitions } of repartitions) counts.set(name, partitions)
  const sides = (['failed', 'rejected', 'late'] as const).map(side => sideTopicSpec(app, graph.name, side))
  const isLarge = log.kind === 'kafka' && upstreamsMax(app, graph, counts) > upstreamsBesideMax
  const times = isLarge ? [metadataTopicSpec(groupName(app, graph.name))] : []
  return [...repartitions, ...changelogSpecs(app, graph, counts), ...times, ...sides]
}

/** The largest number of tasks that write one re-keying. */
function upstreamsMax(app: string, graph: Graph, counts: PartitionCounts): number {
  const subs = subTopologies(graph)
  const upstreams = graph.nodes.map(({ id, kind }) => {
    const writers = kind === 'keyBy' ? subs.filter(({ nodeIds }) => nodeIds.includes(id)) : []
    return writers.reduce((sum, sub) => sum + taskCount(app, graph, sub, counts), 0)
  })
  return Math.max(0, ...upstreams)
}

/** The spec of a side-stream topic, made when the first record goes there (SEMANTICS 7.1). */
export function sideTopicSpec(app: string, pipeline: string, side: SideTopic): TopicSpec {
  return {
    name: sideTopic(app, pipeline, side),
    partitions: 1,
    cleanup: 'delete',
    retentionMs: sideRetentionMs,
  }
}
