import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type App, type StartOptions, start, type Topic } from 'millrace'
import * as declared from './topics.ts'

/** Which log the pipelines run on, and the name they have there. */
export type Where = Pick<StartOptions, 'app' | 'data' | 'brokers' | 'createTopics'>

/** Calls `use` with an embedded log that is there for it alone. */
export async function onEmbedded<T>(use: (where: Where) => Promise<T>): Promise<T> {
  const data = await mkdtemp(join(tmpdir(), 'flights-'))
  try {
    return await use({ app: 'flights', data })
  } finally {
    await rm(data, { recursive: true })
  }
}

/**
 * Calls `use` with topics on Kafka that are there for it alone, and deletes them at its end. Throws when topics of these names are
 * there already.
 */
export async function onKafka<T>(brokers: string, use: (where: Where) => Promise<T>): Promise<T> {
  const where = { app: `flights-${randomUUID().slice(0, 8)}`, brokers, createTopics: true }
  await createTopics(where)
  try {
    return await use(where)
  } finally {
    await cleanUp(where)
  }
}

const topics: readonly Topic[] = Object.values(declared)
const names = topics.map(({ name }) => name)

async function createTopics(where: Where): Promise<void> {
  await using app = await start([], where)
  const existing = (await app.log.describeTopics(names)).map(({ name }) => name)
  if (existing.length > 0)
    throw new Error(
      `That Kafka has the topics ${existing.join(', ')}, which this run did not create. ` +
        'When nobody needs them, delete them (npx millrace topics delete NAME --brokers …), or take another Kafka',
    )
  await app.log.createTopics(
    topics.map(({ name, partitions, cleanup, retentionMs, retentionBytes }) => ({
      name,
      partitions,
      cleanup,
      retentionMs,
      retentionBytes,
    })),
  )
}

/** The groups of a run and its internal topics bear its name; the others it has created itself. */
async function cleanUp(where: Where): Promise<void> {
  await using app = await start([], { ...where, createTopics: false })
  const isOurs = (name: string) => name.startsWith(where.app!)
  for (const group of (await app.log.listGroups()).filter(isOurs)) await deleteGroup(app, group)
  const all = (await app.log.describeTopics()).map(({ name }) => name)
  await app.log.deleteTopics(all.filter(name => names.includes(name) || isOurs(name)))
}

const LOOK_MS = 250
const SESSION_MS_MAX = 30_000

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
