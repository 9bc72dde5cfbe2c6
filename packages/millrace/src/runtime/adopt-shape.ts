import type { Log, TopicVersions } from '../log/log.ts'
import { changeText, diffShapes, type PipelineChange } from '../plan/diff.ts'
import type { Graph } from '../plan/graph.ts'
import type { Standing } from '../plan/layout-history.ts'
import { groupName, repartitionTopic } from '../plan/names.ts'
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
  const { shape } = await new StoredShape(log, app, graph.name, clock).read()
  return shape && diffShapes(shape, await shapeFrom(log, app, graph))
}

export interface AdoptOptions {
  readonly log: Log
  readonly app: string
  readonly clock: Clock
  /** Takes an older layout as the newest again. */
  readonly rollback: boolean
  /** Whether it may wait for a newer member to take its place. */
  readonly mayWait: boolean
  readonly say: (message: string) => void
}

/** What a pipeline starts with. */
export interface AdoptedShape {
  /** For its memberships; see `JoinOptions.layouts`. */
  readonly layouts: TopicVersions
  /** Topics behind which its layout has not been at work yet. */
  readonly newTopics: ReadonlySet<string>
  /**
   * Writes down that it is at work from now on, where that does not stand there yet. Throws `PlanError` when something newer has
   * been at work since the start, and nobody runs that any more: a process that was away for long may come back to that.
   */
  confirm(): Promise<void>
}

const nothingKept: AdoptedShape = { layouts: {}, newTopics: new Set(), confirm: async () => {} }

/**
 * Before a pipeline goes on with what is stored: tells what has changed since it last ran, and throws `PlanError` where going on
 * would mix or lose state (SEMANTICS 8.1), or where the state is that of newer code and nobody runs that any more (8.2).
 */
export async function adoptShape(
  options: AdoptOptions,
  graph: Graph,
  counts: PartitionCounts,
): Promise<AdoptedShape> {
  const { log, app, clock, say } = options
  const stored = new StoredShape(log, app, graph.name, clock)
  const now = shapeOn(app, graph, counts)
  const { shape: before, standing } = await stored
    .read()
    .then(history => ({ shape: history.shape, standing: history.standingOf(now) }))
  if (before === undefined && !hasState(graph)) return nothingKept
  const isOlder = standing.older.length > 0
  const confirm = () => confirmShape(options, stored, now)
  if (isOlder && !options.rollback) {
    await refuseWithoutNewer(options, standing, diffShapes(before!, now), now.pipeline)
    say(olderText(graph.name, standing))
    return { ...offerOf(app, graph.name, standing), confirm }
  }
  const changes = before === undefined ? [] : diffShapes(before, now)
  refuse(graph.name, changes)
  for (const change of changes) say(`${graph.name}: ${changeText(change)}`)
  const isWritten = await writeBefore(stored, before, now, standing)
  const current = isWritten ? (await stored.read()).standingOf(now) : standing
  return { ...offerOf(app, graph.name, current), confirm }
}

/** What is said of a shape before it is at work; true when there was something to say. */
async function writeBefore(
  stored: StoredShape,
  before: PipelineShape | undefined,
  now: PipelineShape,
  { older, newer, isKnown }: Standing,
): Promise<boolean> {
  // Nobody can be older than the first, and where nothing is newer nobody gets older.
  const isSafe = before === undefined || (older.length === 0 && newer.length === 0)
  if (isSafe && JSON.stringify(before) === JSON.stringify(now)) return false
  if (!isSafe && older.length === 0 && isKnown) return false
  await stored.write(now, isSafe ? undefined : { kind: older.length > 0 ? 'rollback' : 'announced' })
  return true
}

async function confirmShape(options: AdoptOptions, stored: StoredShape, now: PipelineShape): Promise<void> {
  const history = await stored.read()
  const standing = history.standingOf(now)
  if (standing.older.length > 0)
    return refuseWithoutNewer(options, standing, diffShapes(history.shape!, now), now.pipeline)
  if (standing.newer.length > 0) await stored.write(now)
}

function offerOf(
  app: string,
  pipeline: string,
  { versions, older, newer }: Standing,
): Omit<AdoptedShape, 'confirm'> {
  const topicOf = (input: string) => topicOfInput(app, pipeline, input)
  return {
    layouts: Object.fromEntries(
      [...versions].map(([input, version]) => [topicOf(input), older.includes(input) ? 0 : version]),
    ),
    newTopics: new Set(newer.map(topicOf)),
  }
}

/** A source's topic has no such end. */
function topicOfInput(app: string, pipeline: string, input: string): string {
  const [, keyBy] = /^(.+)\.repartition$/.exec(input) ?? []
  return keyBy === undefined ? input : repartitionTopic(app, pipeline, keyBy)
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

/** Older code may wait where newer code runs. Where nobody does, it would wait for ever. */
async function refuseWithoutNewer(
  { log, app, mayWait }: AdoptOptions,
  standing: Standing,
  changes: readonly PipelineChange[],
  pipeline: string,
): Promise<void> {
  const group = groupName(app, pipeline)
  if (mayWait) {
    const members = (await log.describeGroup(group))?.members ?? []
    const isNewer = ({ layouts }: (typeof members)[number]) =>
      standing.older.every(
        input => (layouts?.[topicOfInput(app, pipeline, input)] ?? 0) >= standing.writtenVersions.get(input)!,
      )
    if (members.some(isNewer)) return
  }
  throw new PlanError(
    { pipeline },
    `newer code has been at work behind ${standing.older.join(', ')}${mayWait ? `, and no member of ${group} runs it` : ''}`,
    `start the newer code; or go back to this one with --rollback (rollback: true)${lossText(changes)}`,
  )
}

/** What going back costs, or why it is not possible either. */
function lossText(changes: readonly PipelineChange[]): string {
  const lost = changes.filter(({ what }) => what === 'store' || what === 'column' || what === 're-keying')
  return lost.length === 0 ? '' : `: ${lost.map(changeText).join('; ')}`
}

function olderText(pipeline: string, { older }: Standing): string {
  return (
    `${pipeline}: newer code has been at work behind ${older.join(', ')}. ` +
    'This process has no part in that until it is started with newer code; the rest of the pipeline it runs'
  )
}
