import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { Child } from '../../log/embedded/testkit/children.ts'
import { systemClock } from '../../std/clock.ts'
import type { StartOptions } from '../app.ts'
import { start } from '../start.ts'
import type * as asked from './asked.ts'
import { readTopic } from './read-topic.ts'

type Asked = typeof asked
const sent = 1_200
const from = Date.UTC(2026, 0, 1)

/**
 * Asks in processes that are killed while calls are under way, ends the input in a bounded run, and holds what came out against what
 * went in: each answer once, in the order of its key, and each in its window.
 */
export async function checkAsked(t: TestContext, options: StartOptions, topics = ''): Promise<void> {
  const moduleUrl = new URL(`./asked.ts${topics === '' ? '' : `?topics=${topics}`}`, import.meta.url)
  const { default: pipeline, questions, answered, sums } = (await import(moduleUrl.href)) as Asked
  const app = await start([], options)
  t.after(() => app.stop())
  const all = Array.from({ length: sent }, (_, id) => ({ id, user: `u${id % 20}`, at: from + id * 500 }))
  for (const question of all) void app.send(questions, question)
  const answers = async () => {
    const exists = (await app.log.describeTopics([answered.name])).length > 0
    return exists
      ? (await readTopic(app.log, answered.name)).map(
          ({ value }) => JSON.parse(value!) as { id: number; user: string },
        )
      : []
  }
  const script = new URL('./asked-process.ts', import.meta.url)
  for (const enough of [50, 200]) {
    const child = new Child(t, script, [moduleUrl.href, JSON.stringify(options)])
    // The time-out of the test is the only limit: a busy machine may take long to come back.
    while ((await answers()).length < enough) {
      assert.deepEqual(
        child.messages.filter(({ type }) => type === 'failed'),
        [],
      )
      await new Promise<void>(resolve => systemClock.after(100, resolve))
    }
    assert.ok((await answers()).length < sent, 'calls are under way')
    await child.kill()
  }
  const last = await start([pipeline], { ...options, once: true })
  t.after(() => last.stop())
  await Promise.race([last.failed, last.finished])

  const given = await answers()
  assert.deepEqual(
    given.map(({ id }) => id).toSorted((a, b) => a - b),
    all.map(({ id }) => id),
  )
  for (const lane of Object.values(Object.groupBy(given, ({ user }) => user)))
    assert.deepEqual(
      lane!.map(({ id }) => id),
      lane!.map(({ id }) => id).toSorted((a, b) => a - b),
    )
  const rows = (await readTopic(app.log, sums.name)).map(
    ({ value }) => JSON.parse(value!) as Record<string, number>,
  )
  assert.deepEqual(
    rows.map(({ key, start, n, ids }) => `${key} ${start} ${n} ${ids}`).sort(),
    expectedSums(all),
  )
}

function expectedSums(all: readonly asked.Question[]): string[] {
  const groups = Object.groupBy(all, ({ id, at }) => `g${id % 5} ${at - (at % 60_000)}`)
  return Object.entries(groups)
    .map(([group, list]) => `${group} ${list!.length} ${list!.reduce((ids, { id }) => ids + id, 0)}`)
    .sort()
}
