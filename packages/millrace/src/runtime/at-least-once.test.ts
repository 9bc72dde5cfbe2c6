import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { groupName } from '../plan/names.ts'
import type { App, StartOptions } from './app.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'
import { type Torn, withTornCommits } from './testkit/torn-commits.ts'
import { expectedRows, rowText, visitAt } from './testkit/visit-rows.ts'
import pipeline, { perPage, perVisitor, visits } from './testkit/visits.ts'

const from = Date.UTC(2024, 0, 1)
const sent = 1_500
/** So many of them before the pipeline starts. */
const waiting = 1_000
const expected = expectedRows(from, sent)

/** By key and window: the counts of all rows that came out. */
type Counts = Map<string, number[]>

async function countsOf(app: App): Promise<Counts> {
  const counts: Counts = new Map()
  for (const { name } of [perVisitor, perPage]) {
    for (const { value } of await readTopic(app.log, name)) {
      const { key, start: begin, visits: count } = JSON.parse(value!)
      const id = `${key} ${begin}`
      counts.set(id, [...(counts.get(id) ?? []), count])
    }
  }
  return counts
}

/** How often each window of each key was really visited. */
const truth = new Map(
  expected.map(row => {
    const [key, begin, , count] = row.split(' ')
    return [`${key} ${begin}`, Number(count)]
  }),
)

/** Between two looks at topics, which are read as a whole. */
async function aMoment(app: App): Promise<void> {
  await Promise.race([app.failed, new Promise(resolve => setTimeout(resolve, 50))])
}

/** How many visits the pipeline has committed. */
async function committedVisits({ log }: App): Promise<number> {
  const partitions = Array.from({ length: visits.partitions }, (_, partition) => ({
    topic: visits.name,
    partition,
  }))
  const positions = await log.committed(groupName('test', pipeline.name), partitions)
  return positions.reduce((sum, { offset }) => sum + offset, 0)
}

/** Runs the visits to their end while commits are torn as `torn` says: every third, and every second of those that close windows. */
async function run(torn: Torn | undefined, options: StartOptions) {
  let faults = 0
  let closes = 0
  const log = withTornCommits(new MemoryLog(), ({ batches }, nth) => {
    const isClose = batches.some(({ topic }) => topic === perVisitor.name || topic === perPage.name)
    const isChosen = (isClose && closes++ % 2 === 0) || nth % 3 === 2
    if (torn === undefined || !isChosen || batches.length === 0) return undefined
    faults++
    return torn
  })
  const send = (app: App, first: number, last: number) =>
    Promise.all(Array.from({ length: last - first }, (_, i) => app.send(visits, visitAt(from, first + i))))
  {
    // What waits at the start is taken at once: its first commit closes windows whose records it holds, and is torn.
    await using sender = await start([], { app: 'test', log })
    await send(sender, 0, waiting)
  }
  await using app = await start([pipeline], { app: 'test', log, commitIntervalMs: 5, ...options })
  for (let i = waiting; i < sent; i += 50) {
    await send(app, i, i + 50)
    // A fast machine would take them all into a few commits.
    while ((await committedVisits(app)) < i + 50) await aMoment(app)
  }
  await app.endInput(visits)
  while ((await countsOf(app)).size < truth.size) await aMoment(app)
  const counts = await countsOf(app)
  const rows = [...counts.values()].reduce((sum, each) => sum + each.length, 0)
  return { app, faults, counts, rows }
}

describe('at-least-once', { timeout: 120_000 }, () => {
  for (const mode of ['compiled', 'interpreted'] as const) {
    for (const torn of ['outputs', 'outputs and changelog'] as const) {
      it(`[2.8] loses nothing when commits end behind their ${torn} (${mode})`, async () => {
        const { faults, counts, rows } = await run(torn, { guarantee: 'at-least-once', mode })
        assert.ok(faults >= 5, `${faults} commits were torn`)
        for (const [id, count] of truth)
          assert.ok(Math.max(...counts.get(id)!) >= count, `${id}: ${counts.get(id)} instead of ${count}`)
        const isCountedTwice = [...truth].some(([id, count]) => Math.max(...counts.get(id)!) > count)
        assert.ok(rows > truth.size || isCountedTwice, 'the torn commits are seen in the results')
      })
    }
  }

  it('[2.8] gives the exact rows where nothing fails, and on a log that commits together anyway', async () => {
    const log = new MemoryLog()
    await using app = await start([pipeline], { app: 'test', log, guarantee: 'at-least-once' })
    await Promise.all(Array.from({ length: sent }, (_, i) => app.send(visits, visitAt(from, i))))
    await app.endInput(visits)
    const rows = async () =>
      (await Promise.all([perVisitor, perPage].map(({ name }) => readTopic(log, name))))
        .flat()
        .map(({ value }) => rowText(JSON.parse(value!)))
    while ((await rows()).length < expected.length) await aMoment(app)
    assert.deepEqual((await rows()).sort(), expected)
  })

  it('[2.1] is not what happens unasked: no commit of a run may be torn', async () => {
    const { faults, rows } = await run('outputs', {})
    assert.equal(faults, 0)
    assert.equal(rows, truth.size)
  })
})
