import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { directoryFor } from '../log/embedded/testkit/directory.ts'
import { json } from '../serde/json.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'

const numbers = topic('numbers', { value: json<{ n: number }>() })
const tried = topic('tried', { value: json<{ n: number }>() })

describe('the loop of a worker', () => {
  it('[1.3] gives way while a task with buffered records waits for a retry', { timeout: 60_000 }, async t => {
    let loops = 0
    const loopsAtCall: number[] = []
    const retried = pipeline('retried', p => {
      p.from(numbers)
        .map(
          ({ n }) => {
            if (n === 0) loopsAtCall.push(loops)
            if (loopsAtCall.length === 1) throw new Error('not yet')
            return { n }
          },
          { retry: { retries: 1, backoff: '300ms' } },
        )
        .to(tried)
    })
    // A log that answers at once, without giving way itself. An append each, so that some are buffered behind the first.
    const data = await directoryFor(t)
    await using sender = await start([], { app: 'test', data })
    for (let n = 0; n < 20; n++) await sender.send(numbers, { n })
    await using app = await start([retried], { app: 'test', data })
    for (;;) {
      const values = (await readTopic(app.log, tried.name)).map(({ value }) => JSON.parse(value!).n)
      if (values.length === 20) {
        assert.deepEqual(values, [...values.keys()])
        break
      }
      await Promise.race([app.failed, new Promise(resolve => setImmediate(resolve))])
      loops++
    }
    const [first, second] = loopsAtCall
    assert.ok(second! - first! > 10, `${second! - first!} turns of the event loop during the back-off`)
  })
})
