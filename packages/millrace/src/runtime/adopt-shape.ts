import type { Log } from '../log/log.ts'
import { changeText, diffShapes, type PipelineChange } from '../plan/diff.ts'
import type { Graph } from '../plan/graph.ts'
import { repartitionTopic } from '../plan/names.ts'
import { repartitionCounts } from '../plan/partitions.ts'
import { PlanError } from '../plan/plan-error.ts'
import { type PipelineShape, shapeOf } from '../plan/shape.ts'
import { keepsState } from '../plan/stateful.ts'
import type { Clock } from '../std/clock.ts'
import { StoredShape } from './stored-shape.ts'
import { declaredTopics, type PartitionCounts } from './topics.ts'

/** The shape of a pipeline over topics with these partition counts. */
function shapeOn(app: string, graph: Graph, counts: PartitionCounts): PipelineShape {
  return shapeOf(
    graph,
    topic => counts.get(topic),
    ({ name }) => counts.get(repartitionTopic(app, graph.name, name)),
  )
}

/** The same before anything is created: of what is missing the counts are those that a start would give. */
async function shapeFrom(log: Log, app: string, graph: Graph): Promise<PipelineShape> {
  const keyBys = graph.nodes.filter(node => node.kind === 'keyBy').map(({ name }) => name)
  const declared = declaredTopics(graph)
  const counts = new Map(declared.map(({ name, partitions }) => [name, partitions]))
  const names = [...counts.keys(), ...keyBys.map(name => repartitionTopic(app, graph.name, name))]
  for (const { name, partitions } of await log.describeTopics(names)) counts.set(name, partitions)
  for (const [name, partitions] of repartitionCounts(graph, topic => counts.get(topic))) {
    const topic = repartitionTopic(app, graph.name, name)
    counts.set(topic, counts.get(topic) ?? partitions)
  }
  return shapeOn(app, graph, counts)
}

/** What differs between a pipeline and what it last ran as; undefined when it never ran. */
export async function changesOf(
  log: Log,
  app: string,
  graph: Graph,
  clock: Clock,
): Promise<PipelineChange[] | undefined> {
  const before = await new StoredShape(log, app, graph.name, clock).read()
  return before && diffShapes(before, await shapeFrom(log, app, graph))
}

/**
 * Before a pipeline goes on with what is stored: tells what has changed since it last ran, and throws `PlanError` where going on
 * would mix or lose state (SEMANTICS 8.1). Then the stored shape is the pipeline's.
 */
export async function adoptShape(
  { log, app, clock }: { readonly log: Log; readonly app: string; readonly clock: Clock },
  graph: Graph,
  counts: PartitionCounts,
  say: (message: string) => void,
): Promise<void> {
  if (!hasState(graph)) return
  const stored = new StoredShape(log, app, graph.name, clock)
  const now = shapeOn(app, graph, counts)
  const before = await stored.read()
  const changes = before === undefined ? [] : diffShapes(before, now)
  refuse(graph.name, changes)
  for (const change of changes) say(`${graph.name}: ${changeText(change)}`)
  if (JSON.stringify(before) !== JSON.stringify(now)) await stored.write(now)
}

/** Without stores and re-keyings nothing can be mixed or lost. */
function hasState(graph: Graph): boolean {
  return graph.nodes.some(node => keepsState(node) || node.kind === 'keyBy')
}

function refuse(pipeline: string, changes: readonly PipelineChange[]): void {
  const refused = changes.filter(change => change.refused !== undefined)
  if (refused.length === 0) return
  const list = refused.map(
    ({ what, name, kind, detail, effect }) => `${what} "${name}" ${kind} (${detail}): ${effect}`,
  )
  throw new PlanError(
    { pipeline },
    `it does not fit the state it left: ${list.join('; ')}`,
    refused.map(change => change.refused).join('; '),
  )
}
