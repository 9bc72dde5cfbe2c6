import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CallDesk } from '../engine/testkit/call-desk.ts'
import { json, pipeline, start, topic } from '../index.ts'
import { directoryFor } from '../log/embedded/testkit/directory.ts'
import { until } from '../log/embedded/testkit/records.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { checkAsked } from './testkit/asked-story.ts'
import { readTopic } from './testkit/read-topic.ts'

const hits = topic('hits', { value: json<{ id: number }>() })
const answers = topic('answers', { value: json<{ id: number }>() })

describe('an app with asyncMap', { timeout: 600_000 }, () => {
  it('[2.6] [7.4] killed with calls under way, on two threads, gives each result once and ends with the last call', async t => {
    await checkAsked(t, { app: 'test', data: await directoryFor(t), sessionTimeoutMs: 1_000 })
  })

  it('[7.4] stops without waiting for its calls, aborts them, and makes them again when it goes on', async () => {
    const log = new MemoryLog()
    const desk = new CallDesk<{ id: number }>()
    const signals: AbortSignal[] = []
    const asked = pipeline('asked', p => {
      p.from(hits)
        .asyncMap('ask', (v, { signal }) => {
          signals.push(signal)
          return desk.ask(v.id, v)
        })
        .to(answers)
    })
    {
      await using app = await start([asked], { app: 'test', log })
      await app.send(hits, { id: 1 })
      await until('the call is made', () => desk.made.length === 1)
    }
    assert.equal(signals[0]!.aborted, true)
    await desk.settle(desk.open[0])
    await using app = await start([asked], { app: 'test', log })
    await until('the call is made again', () => desk.made.length === 2)
    assert.equal((await readTopic(log, answers.name)).length, 0)
    await desk.settle(desk.open[0])
    await until('its result is there', async () => (await readTopic(app.log, answers.name)).length > 0)
    assert.equal((await readTopic(log, answers.name)).length, 1)
  })
})
