import type { Log, TopicPartition } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { changelogTopic, groupName } from '../plan/names.ts'
import { PlanError } from '../plan/plan-error.ts'
import { keepsState } from '../plan/stateful.ts'
import { RecordCursor } from '../record/cursor.ts'
import type { Guarantee } from './guarantee.ts'

export interface PositionsCheck {
  readonly log: Log
  readonly app: string
  readonly guarantee: Guarantee | undefined
  readonly say: (message: string) => void
}

/**
 * Throws `PlanError` when a pipeline has state and its group has no positions (SEMANTICS 1.6): what is in the state would be read and
 * counted once more. The two are committed together, so the positions were taken away; Kafka does that with a group that had no members
 * for `offsets.retention.minutes`. At-least-once commits state first, so there it is only said.
 */
export async function checkPositions(
  { log, app, guarantee, say }: PositionsCheck,
  graph: Graph,
): Promise<void> {
  const group = groupName(app, graph.name)
  const steps = graph.nodes.filter(keepsState)
  const isKnown = async () => ((await log.describeGroup(group))?.positions.length ?? 0) > 0
  if (steps.length === 0 || (await isKnown())) return
  const places = await Promise.all(
    steps.map(({ name }) => firstRecord(log, changelogTopic(app, graph.name, name))),
  )
  const place = places.find(each => each !== undefined)
  // Another process may have made the first commit meanwhile, or have died in it: state and positions become visible one after the other.
  if (place === undefined || (await hasCommitted(log, group, graph))) return
  const problem =
    `there is state in ${place.topic}, and group ${group} has no positions any more: ` +
    'from the beginning of the sources everything would count again'
  if (guarantee === 'at-least-once') return say(`${graph.name}: ${problem}, and does now`)
  throw new PlanError({ pipeline: graph.name }, problem, waysOut(graph))
}

function waysOut(graph: Graph): string {
  const { name, nodes } = graph
  // Which records behind a keyBy were counted, nothing but the positions says.
  const keeps = !nodes.some(({ kind }) => kind === 'keyBy')
  const resets = sourceTopics(graph).map(
    topic => `millrace groups reset ${name} --topic ${topic} --to <time>`,
  )
  return (
    `begin anew with millrace reset ${name}${keeps ? `, or keep the state and say where to go on: ${resets.join(', ')}` : ''}. ` +
    'On Kafka, offsets.retention.minutes of the brokers says how long a group without members keeps its positions'
  )
}

function sourceTopics({ nodes }: Graph): string[] {
  return [
    ...new Set(nodes.flatMap(node => (node.kind === 'source' && !node.isGlobal ? [node.topic.name] : []))),
  ]
}

async function hasCommitted(log: Log, group: string, graph: Graph): Promise<boolean> {
  const partitions = await Promise.all(
    sourceTopics(graph).map(async topic =>
      (await log.offsets(topic)).map(({ partition }) => ({ topic, partition })),
    ),
  )
  return (await log.committed(group, partitions.flat())).length > 0
}

/** The first partition that holds a record; aborted transactions leave offsets behind, and no record. */
async function firstRecord(log: Log, topic: string): Promise<TopicPartition | undefined> {
  if ((await log.describeTopics([topic])).length === 0) return undefined
  for (const { partition, earliest, latest } of await log.offsets(topic))
    if (await hasRecord(log, { topic, partition }, earliest, latest)) return { topic, partition }
  return undefined
}

async function hasRecord(
  log: Log,
  place: TopicPartition,
  earliest: number,
  latest: number,
): Promise<boolean> {
  const cursor = new RecordCursor()
  const limits = { maxWaitMs: 0, maxBytes: 1 << 20, partitionMaxBytes: 1 << 20 }
  for (let offset = earliest; offset < latest; ) {
    const [fetched] = await log.fetch([{ ...place, offset }], limits)
    if (fetched!.error !== undefined) throw fetched!.error
    // What an open transaction holds back was never committed.
    if (fetched!.batches.length === 0) return false
    for (const batch of fetched!.batches) {
      cursor.open(batch)
      if (cursor.next()) return true
      offset = cursor.lastOffset + 1
    }
  }
  return false
}
