import { rm } from 'node:fs/promises'
import { metadataTopic } from '../log/kafka/metadata-topic.ts'
import type { Log } from '../log/log.ts'
import { inputsOf } from '../plan/layout-history.ts'
import { changelogTopic, groupName, repartitionTopic } from '../plan/names.ts'
import type { StoreShape } from '../plan/shape.ts'
import { snapshotFolder } from '../runtime/snapshot-folder.ts'
import { StoredShape } from '../runtime/stored-shape.ts'
import type { Clock } from '../std/clock.ts'
import { CliError } from './cli-error.ts'
import { refuseActive } from './group-figures.ts'
import { moveTopic } from './move-topic.ts'

/** A pipeline that nobody runs, and where it lies. */
export interface StoredPipeline {
  readonly log: Log
  readonly clock: Clock
  readonly data: string
  readonly app: string
  readonly pipeline: string
}

/** What a pipeline keeps for itself outside of the process. */
export interface PipelineHoldings {
  readonly group: string
  readonly positions: number
  /** Changelogs and repartition topics. */
  readonly topics: readonly string[]
}

/** Finds it by name, whether the pipeline's file is still there or not. Throws `CliError` when there is nothing, or it runs. */
export async function pipelineHoldings({ log, app, pipeline }: StoredPipeline): Promise<PipelineHoldings> {
  const group = groupName(app, pipeline)
  const info = await log.describeGroup(group)
  if (info !== undefined) refuseActive(info)
  const topics = (await log.describeTopics())
    .map(({ name }) => name)
    .filter(name => isOwned(name, app, pipeline))
  if (info === undefined && topics.length === 0) throw unknownPipeline(await log.listGroups(), app, pipeline)
  return { group, positions: info?.positions.length ?? 0, topics }
}

/** Step names have no dots, so the ends of a name tell what it is. */
function isOwned(topic: string, app: string, pipeline: string): boolean {
  const step = topic.slice(groupName(app, pipeline).length + 1).split('.')[0]!
  return topic === changelogTopic(app, pipeline, step) || topic === repartitionTopic(app, pipeline, step)
}

function unknownPipeline(groups: readonly string[], app: string, pipeline: string): CliError {
  const others = groups.filter(group => group.startsWith(`${app}.`)).map(group => group.slice(app.length + 1))
  return new CliError(`The pipeline ${pipeline} of the app ${app} has neither positions nor state here`, {
    wayOut: others.length === 0 ? '--app with the name it ran under' : others.slice(0, 5).join(', '),
  })
}

/**
 * Forgets all of it. Positions go first: the log refuses that when a member has joined meanwhile, and then nothing is
 * lost. Snapshots go before the changelogs they stand for.
 */
export async function resetPipeline(
  { log, clock, data, app, pipeline }: StoredPipeline,
  { group, topics }: PipelineHoldings,
): Promise<void> {
  if ((await log.describeGroup(group)) !== undefined) await log.deleteGroup(group)
  await rm(snapshotFolder(data, group), { recursive: true, force: true })
  if (topics.length > 0) await log.deleteTopics(topics)
  await new StoredShape(log, app, pipeline, clock).forget()
}

/** Forgets the state of single steps; positions stay, so they begin empty with the next record. */
export async function resetSteps(
  { log, clock, data, app, pipeline }: StoredPipeline,
  { group }: PipelineHoldings,
  steps: readonly string[],
): Promise<void> {
  await rm(snapshotFolder(data, group), { recursive: true, force: true })
  await log.deleteTopics(steps.map(step => changelogTopic(app, pipeline, step)))
  const stored = new StoredShape(log, app, pipeline, clock)
  const { shape } = await stored.read()
  if (shape === undefined) return
  const [kept, gone] = [false, true].map(isGone =>
    shape.stores.filter(({ name }) => steps.includes(name) === isGone),
  ) as [StoreShape[], StoreShape[]]
  await stored.write({ ...shape, stores: kept }, { kind: 'reset', inputs: gone.flatMap(inputsOf) })
}

/**
 * Gives the state of a step to one of another name. Until the old changelog is deleted, at the end, it can be called again.
 * Throws `CliError` where the new name has state already.
 */
export async function renameStep(
  { log, clock, data, app, pipeline }: StoredPipeline,
  { group }: PipelineHoldings,
  from: string,
  to: string,
): Promise<number> {
  const stored = new StoredShape(log, app, pipeline, clock)
  const { shape } = await stored.read()
  if (shape?.stores.some(({ name }) => name === to))
    throw new CliError(`The step ${to} has state of its own`, {
      wayOut: `millrace reset ${pipeline} --step ${to} drops it`,
    })
  await rm(snapshotFolder(data, group), { recursive: true, force: true })
  const records = await moveTopic(log, changelogTopic(app, pipeline, from), changelogTopic(app, pipeline, to))
  const renamed = shape?.stores.map(store => (store.name === from ? { ...store, name: to } : store))
  if (shape !== undefined && renamed !== undefined) await stored.write({ ...shape, stores: renamed })
  return records
}

/** The steps whose state is stored, whether the pipeline still has them or not. */
export function stepsWithState({ app, pipeline }: StoredPipeline, { topics }: PipelineHoldings): string[] {
  const group = groupName(app, pipeline)
  const stepOf = (topic: string) => topic.slice(group.length + 1).split('.')[0]!
  return topics
    .filter(topic => topic === changelogTopic(app, pipeline, stepOf(topic)) && topic !== metadataTopic(group))
    .map(stepOf)
}

/** Throws `CliError` unless each is one of the steps with state. */
export function requireSteps(steps: readonly string[], known: readonly string[]): void {
  const unknown = steps.find(step => !known.includes(step))
  if (unknown === undefined) return
  throw new CliError(`No state of a step ${unknown} is stored`, {
    wayOut: known.length === 0 ? 'no step has any' : known.join(', '),
  })
}
