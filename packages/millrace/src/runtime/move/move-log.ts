import { type CommittedPosition, type Log, LogError } from '../../log/log.ts'
import type { MovePlan, MovingTopic } from './move-plan.ts'
import type { MovedTopic, MoveRecord } from './move-record.ts'
import { copyPartition } from './partition-copy.ts'

/** Partitions copied at once. */
const AT_ONCE = 4

export interface MoveOptions {
  readonly from: Log
  readonly to: Log
  readonly plan: MovePlan
  readonly record: MoveRecord
  /** Makes durable what was begun; before the first record of a topic is copied. */
  save(record: MoveRecord): Promise<void>
  onCopied(records: number): void
  readonly signal?: AbortSignal
}

/** Where each source offset that a group stands at lies in the target, by `topic/partition`. */
type Places = Map<string, ReadonlyMap<number, number>>

/**
 * Carries out a plan: topics, their records, and last the positions of the groups with what belongs to them, translated where
 * offsets differ. Broken off, the same call goes on from what the target has.
 */
export async function moveLog(options: MoveOptions): Promise<void> {
  const { from, to, plan, save } = options
  const topics = await claim(options)
  const record = { ...options.record, topics }
  await save(record)
  const places: Places = new Map()
  const partitions = plan.topics.flatMap(topic => topic.source.map(source => ({ topic, source })))
  await inParallel(partitions, async ({ topic, source }) => {
    const { name } = topic.info
    const place = { topic: name, partition: source.partition }
    const base = topics[name]!.bases[source.partition]!
    const { latest } = (await to.offsets(name)).find(each => each.partition === source.partition)!
    const copy = await copyPartition({
      from,
      to,
      partition: place,
      start: source.earliest,
      end: source.latest,
      base,
      done: latest - base,
      wanted: positionsIn(plan, name, source.partition).map(({ offset }) => offset),
      onCopied: options.onCopied,
      signal: options.signal,
    })
    places.set(`${name}/${source.partition}`, copy.places)
  })
  await refuseGrowth(from, plan)
  for (const { group, positions } of plan.groups) {
    const moved = positions.map(position => ({
      ...position,
      offset: places.get(`${position.topic}/${position.partition}`)!.get(position.offset)!,
    }))
    if (moved.length > 0) await to.resetGroup(group, moved)
  }
  await save({ ...record, isDone: true })
}

/** What somebody wrote meanwhile would be missing in the target; another run takes it along. */
async function refuseGrowth(from: Log, { topics }: MovePlan): Promise<void> {
  for (const { info, source } of topics) {
    const offsets = await from.offsets(info.name)
    if (
      offsets.every(({ partition, latest }) =>
        source.some(each => each.partition === partition && each.latest === latest),
      )
    )
      continue
    throw new LogError(
      'group-active',
      `${info.name} got records during the move: stop what writes them, and move again`,
    )
  }
}

/** Makes the topics that are missing, and notes where their records begin. */
async function claim({ to, plan, record }: MoveOptions): Promise<Record<string, MovedTopic>> {
  await to.createTopics(plan.topics.filter(({ exists }) => !exists).map(({ spec }) => spec))
  const infos = new Map(
    (await to.describeTopics(plan.topics.map(({ info }) => info.name))).map(info => [info.name, info]),
  )
  const claimed = await Promise.all(
    plan.topics.map(async ({ info }: MovingTopic) => {
      const { id } = infos.get(info.name)!
      const begun = record.topics[info.name]
      if (begun?.id === id) return [info.name, begun] as const
      const bases = (await to.offsets(info.name))
        .sort((a, b) => a.partition - b.partition)
        .map(({ latest }) => latest)
      return [info.name, { id, bases }] as const
    }),
  )
  return Object.fromEntries(claimed)
}

function positionsIn(plan: MovePlan, topic: string, partition: number): CommittedPosition[] {
  return plan.groups.flatMap(({ positions }) =>
    positions.filter(position => position.topic === topic && position.partition === partition),
  )
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const lane = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}
