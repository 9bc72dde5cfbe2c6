import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { start } from './start.ts'
import type * as Drifting from './testkit/drifting.ts'
import { appendReadings, expectedMinutes, minutesIn, pausedForOthers } from './testkit/drifting-story.ts'

const brokers = testBrokers()

describe('the alignment of partitions on Kafka', { timeout: 240_000 }, () => {
  it('[3.8] [1.5] pauses those of one process for those of another, and changes no result', async () => {
    const app = `drifting-${crypto.randomUUID().slice(0, 8)}`
    const url = new URL('./testkit/drifting.ts', import.meta.url)
    url.searchParams.set('topics', `${app}-`)
    const module = (await import(url.href)) as typeof Drifting
    const options = { app, brokers, createTopics: true }
    await using first = await start([module.default], options)
    await using second = await start([module.default], options)
    const turn = () =>
      Promise.race([first.failed, second.failed, new Promise(resolve => setTimeout(resolve, 5))])
    const tasksOf = (each: typeof first) => each.health().pipelines[0]?.tasks.length
    while (tasksOf(first) !== 3 || tasksOf(second) !== 3) await turn()
    await appendReadings(first.log, module)
    await first.endInput(module.readings)
    const expected = expectedMinutes(module)
    let paused = 0
    let found = 0
    while (found < expected.length) {
      for (let i = 0; i < 20; i++) {
        await turn()
        paused += pausedForOthers(first).length + pausedForOthers(second).length
      }
      found = (await minutesIn(first.log, module)).length
    }
    assert.deepEqual(await minutesIn(first.log, module), expected)
    assert.ok(paused > 0)
  })
})
