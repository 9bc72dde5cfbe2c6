import { randomUUID } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type App, start, type Topic } from 'millrace'
import { UsageError } from './flags.ts'
import type { Run } from './run-directory.ts'
import { lockRun } from './run-lock.ts'
import { type Marker, readMarker, writeMarker } from './run-marker.ts'
import * as declared from './topics.ts'
import { onKafka, type Where } from './where.ts'

const LOOK_MS = 250
const SESSION_MS_MAX = 30_000

interface KafkaMarker extends Marker {
  /** Tells the names of this run's groups and internal topics from those of others. */
  readonly run: string
  /** Ids of the topics this run created; only these are ever deleted. */
  readonly topics: readonly TopicId[]
}

interface TopicId {
  readonly name: string
  readonly id: string
}

/**
 * Goes on with the unfinished run of this very log on that Kafka, or deletes what the last one from `directory` created
 * there and begins a new one. Throws `UsageError` where topics of the same names are there that it did not create.
 */
export async function openKafkaRun(
  directory: string,
  brokers: string,
  fingerprint: string,
  fresh: boolean,
): Promise<Run> {
  const path = join(directory, `web-analytics-on-${brokers.replace(/[^\w.-]+/g, '_')}.json`)
  await mkdir(directory, { recursive: true })
  using locks = new DisposableStack()
  locks.use(lockRun(directory))
  const last = await readMarker<KafkaMarker>(path)
  const isResumed = last?.fingerprint === fingerprint && !last.isFinished && !fresh
  let marker = last!
  if (!isResumed) {
    if (last !== undefined) {
      await writeMarker(path, { ...last, isFinished: true })
      await remove(onKafka(brokers, last.run), last.topics)
    }
    const run = newName()
    marker = { fingerprint, isFinished: false, run, topics: await create(onKafka(brokers, run)) }
    await writeMarker(path, marker)
  }
  const where = onKafka(brokers, marker.run)
  const finish = () => writeMarker(path, { ...marker, isFinished: true })
  const held = locks.move()
  return { where, place: `topics on ${brokers}`, isResumed, finish, [Symbol.dispose]: () => held.dispose() }
}

/** Runs `use` on topics that are there for it alone: they must not exist, and are deleted at the end. */
export async function withKafkaTopics<T>(brokers: string, use: (where: Where) => Promise<T>): Promise<T> {
  const where = onKafka(brokers, newName())
  const topics = await create(where)
  try {
    return await use(where)
  } finally {
    await remove(where, topics)
  }
}

function newName(): string {
  return randomUUID().slice(0, 8)
}

async function create(where: Where): Promise<TopicId[]> {
  await using app = await start([], where)
  const topics = Object.values(declared)
  const names = topics.map(({ name }) => name)
  const existing = await app.log.describeTopics(names)
  if (existing.length > 0) throw inTheWay(existing.map(({ name }) => name))
  await app.log.createTopics(topics.map(specOf))
  return (await app.log.describeTopics(names)).map(({ name, id }) => ({ name, id }))
}

function inTheWay(names: readonly string[]): UsageError {
  return new UsageError(
    `That Kafka has the topics ${names.join(', ')}, which this run did not create: another replay may be using them. ` +
      'When nobody needs them, delete them (npx millrace topics delete NAME --brokers …), or take another Kafka',
  )
}

function specOf({ name, partitions, cleanup, retentionMs, retentionBytes }: Topic) {
  return { name, partitions, cleanup, retentionMs, retentionBytes }
}

/** Deletes a run's groups and internal topics, which bear its name, and those of its own topics that are still the same. */
async function remove(where: Where, topics: readonly TopicId[]): Promise<void> {
  await using app = await start([], where)
  await Promise.all((await groupsOf(app, where)).map(group => deleteGroup(app, group)))
  const ids = new Set(topics.map(({ id }) => id))
  const mine = (await app.log.describeTopics()).filter(
    ({ name, id }) => ids.has(id) || name.startsWith(`${where.app}.`),
  )
  if (mine.length > 0) await app.log.deleteTopics(mine.map(({ name }) => name))
}

/** A group keeps the place of a process that has ended for its session, should it start again. */
async function deleteGroup(app: App, group: string): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    try {
      return await app.log.deleteGroup(group)
    } catch (error) {
      if ((error as { code?: string }).code !== 'group-active' || waitedMs >= SESSION_MS_MAX) throw error
      await sleep(LOOK_MS)
    }
  }
}

async function groupsOf(app: App, where: Where): Promise<string[]> {
  const isOwn = (group: string) => group.startsWith(`${where.app}.`) || group.startsWith(`${where.app}-`)
  return (await app.log.listGroups()).filter(isOwn)
}
