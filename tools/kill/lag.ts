import type { Log } from '../../packages/millrace/src/log/log.ts'
import { groupName } from '../../packages/millrace/src/plan/names.ts'
import { appName, pipelineNames, sourcesOf } from './pipelines.ts'

interface Place {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly at: number
  readonly end: number
}

/** Every partition that a pipeline reads: its committed position, and the end of what there is to read. */
export async function positions(log: Log): Promise<Place[]> {
  const topics = await log.describeTopics()
  const places = pipelineNames.map(async pipeline => {
    const group = groupName(appName, pipeline)
    const isOwn = (name: string) => name.startsWith(`${group}.`) && name.endsWith('.repartition')
    const isInput = (name: string) => sourcesOf[pipeline].some(source => source.name === name) || isOwn(name)
    const inputs = topics.filter(({ name }) => isInput(name))
    return (await Promise.all(inputs.map(({ name }) => positionsOf(log, group, name)))).flat()
  })
  return (await Promise.all(places)).flat()
}

async function positionsOf(log: Log, group: string, topic: string): Promise<Place[]> {
  const offsets = await log.offsets(topic)
  const committed = await log.committed(
    group,
    offsets.map(({ partition }) => ({ topic, partition })),
  )
  return offsets.map(({ partition, latest: end }) => {
    const at = committed.find(each => each.partition === partition)?.offset ?? 0
    return { group, topic, partition, at, end }
  })
}

/** Partitions whose committed position is not the end of what there is to read. */
export async function behind(log: Log): Promise<string[]> {
  return (await positions(log)).filter(({ at, end }) => at !== end).map(placeText)
}

export function placeText({ group, topic, partition, at, end }: Place): string {
  return `${group} ${topic}/${partition} at ${at} of ${end}`
}
