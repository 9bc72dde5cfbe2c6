import { rm } from 'node:fs/promises'
import type { Log } from '../log/log.ts'
import { changelogTopic, groupName, repartitionTopic } from '../plan/names.ts'
import { snapshotFolder } from '../runtime/snapshot-folder.ts'
import { CliError } from './cli-error.ts'
import { refuseActive } from './group-figures.ts'

/** What a pipeline keeps for itself outside of the process. */
export interface PipelineHoldings {
  readonly group: string
  readonly positions: number
  /** Changelogs and repartition topics. */
  readonly topics: readonly string[]
}

/** Finds it by name, whether the pipeline's file is still there or not. Throws `CliError` when there is nothing, or it runs. */
export async function pipelineHoldings(log: Log, app: string, pipeline: string): Promise<PipelineHoldings> {
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
  log: Log,
  data: string,
  { group, topics }: PipelineHoldings,
): Promise<void> {
  if ((await log.describeGroup(group)) !== undefined) await log.deleteGroup(group)
  await rm(snapshotFolder(data, group), { recursive: true, force: true })
  if (topics.length > 0) await log.deleteTopics(topics)
}
