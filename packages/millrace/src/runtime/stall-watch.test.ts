import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FetchedPartition, Log } from '../log/log.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { json } from '../serde/json.ts'
import { systemClock } from '../std/clock.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { Sender } from './sender.ts'
import { readTopic } from './testkit/read-topic.ts'
import { runPipeline, until } from './testkit/run-pipeline.ts'

const items = topic('items', { value: json<{ n: number }>() })
const copies = topic('copies', { value: json<{ n: number }>() })
const copying = pipeline('copying', p => {
  p.from(items).to(copies)
})
const stallMs = 300

type Fetch = Log['fetch']

/** A log of three items whose fetches answer as the test says, as long as it says so. */
async function strangeLog(answer: (real: Fetch) => Fetch) {
  const log = new MemoryLog()
  await log.createTopics([{ name: 'items', partitions: 1 }])
  const sender = new Sender(log, systemClock)
  await Promise.all([0, 1, 2].map(n => sender.send(items, { n }, {})))
  const state = { isStrange: true }
  const real: Fetch = (...args) => log.fetch(...args)
  const strange = answer(real)
  const proxy = new Proxy(log, {
    get: (target, name) => {
      if (name === 'fetch') return state.isStrange ? strange : real
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { log: proxy, state, sender }
}

/** Nothing, from a partition that goes on to 3. */
function withoutRecords(rest: Partial<FetchedPartition>): Fetch {
  return async (positions, { maxWaitMs }) => {
    await new Promise(resolve => setTimeout(resolve, Math.min(maxWaitMs, 20)))
    return positions.map(each => ({ ...each, batches: [], highWatermark: 3, logStartOffset: 0, ...rest }))
  }
}

describe('a pipeline whose input stands still', { timeout: 60_000 }, () => {
  it('stops with all that is known when no fetch is answered', async () => {
    const { log } = await strangeLog(
      () =>
        (_, { signal }) =>
          new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason))),
    )
    await using app = await runPipeline(copying, log, { stallMs })
    while (app.errors.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
    const [{ message }] = app.errors as [Error]
    assert.match(
      message,
      /^items\/0 stands still at 0: no fetch is answered, though the log holds records up to 3\./,
    )
    assert.match(message, /A fetch over 1 inputs began \d+ ms ago; copying items\/0: .* answered never/)
    assert.ok(app.run.isStopped)
  })

  it('stops with all that is known when fetches bring nothing of what there is', async () => {
    const { log } = await strangeLog(() => withoutRecords({}))
    await using app = await runPipeline(copying, log, { stallMs })
    while (app.errors.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
    assert.match(app.errors[0]!.message, /fetches are answered without records, .* can be read to 3 \(of 3\)/)
  })

  it('says so, and waits on, when open transactions are the reason', async () => {
    const { log, state } = await strangeLog(() => withoutRecords({ stableOffset: 0 }))
    const warnings: string[] = []
    await using app = await runPipeline(copying, log, { stallMs, warn: message => warnings.push(message) })
    await until(app, () => warnings.length > 0)
    assert.match(warnings[0]!, /items\/0 has not gone on at 0 for 0\.3 s, for transactions are open up to 3/)
    state.isStrange = false
    await until(app, async () => (await readTopic(log, 'copies')).length === 3)
  })

  it('is not taken for one that has nothing to read', async () => {
    const { log, state, sender } = await strangeLog(real => real)
    state.isStrange = false
    await using app = await runPipeline(copying, log, { stallMs: 60 })
    await until(app, async () => (await readTopic(log, 'copies')).length === 3)
    let looks = 0
    const bounds = log.offsets.bind(log)
    await new Promise<void>(resolve => {
      log.offsets = name => {
        if (++looks === 20) resolve()
        return bounds(name)
      }
    })
    await sender.send(items, { n: 3 }, {})
    await until(app, async () => (await readTopic(log, 'copies')).length === 4)
  })
})
