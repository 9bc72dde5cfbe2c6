import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, topic, tumbling } from '../index.ts'
import { type TestDriver, testDriver } from '../testing.ts'
import { t0, type View, view } from './testkit/views.ts'

const lastYear = topic('last-year', { value: json<View>(), timestamp: 'at' })
const tens = topic('tens', { value: json<{ n: number }>() })
const yearMs = 365 * 86_400_000

const replay = pipeline('replay', p => {
  const windows = p.from(lastYear).byKey().window(tumbling('10s'))
  windows.aggregate('per-ten', { n: count() }).emit('final').to(tens)
})

/** What each topic still holds, those of a pipeline's own left out. */
async function recordsHeld(driver: TestDriver): Promise<Record<string, number>> {
  const { topics } = (await driver.snapshot()).log
  const held = topics.flatMap(({ info, partitions }) =>
    info.internal
      ? []
      : [[info.name, partitions.reduce((sum, each) => sum + each.latest - each.earliest, 0)]],
  )
  return Object.fromEntries(held)
}

describe('retention', () => {
  it('[9.5] a replay of last year, its results and its side topics are kept as long as new data', async () => {
    const now = t0 + yearMs
    await using driver = await testDriver([replay], { startTime: now })
    const input = driver.input(lastYear)
    for (const offsetMs of [0, 25_000, 1_000]) {
      const value = view('/', offsetMs)
      await input.send(value, { key: '/', timestamp: value.at })
    }
    await input.sendBytes('{"url":', { key: '/', timestamp: t0 })
    const all = { 'last-year': 4, tens: 1, 'test.replay.late': 1, 'test.replay.rejected': 1 }
    await driver.clean()
    assert.deepEqual(await recordsHeld(driver), all)
    const snapshot = await driver.snapshot()
    await using sameWeek = await testDriver([replay], { from: { ...snapshot, time: now + 6 * 86_400_000 } })
    await sameWeek.clean()
    assert.deepEqual(await recordsHeld(sameWeek), all)
    await using nextWeek = await testDriver([replay], { from: { ...snapshot, time: now + 8 * 86_400_000 } })
    await nextWeek.clean()
    assert.deepEqual(Object.values(await recordsHeld(nextWeek)), [0, 0, 0, 0])
  })
})
