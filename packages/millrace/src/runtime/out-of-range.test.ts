import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryLog } from '../log/memory/memory-log.ts'
import type { OutOfRange } from '../plan/graph.ts'
import { json } from '../serde/json.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'

const items = topic('items', { value: json<{ n: number }>() })
const copies = topic('copies', { value: json<{ n: number }>() })

function copying(outOfRange?: OutOfRange) {
  return pipeline('copying', p => {
    p.from(items, { ...(outOfRange && { outOfRange }) }).to(copies)
  })
}

/** A log of five items, the first of which a run has copied before the first three went. */
async function trimmedLog(): Promise<MemoryLog> {
  const log = new MemoryLog()
  await using app = await start([], { app: 'test', log })
  await app.send(items, { n: 0 })
  {
    await using first = await start([copying()], { app: 'test', log, once: true })
    await first.finished
  }
  for (let n = 1; n < 5; n++) await app.send(items, { n })
  await log.trim([{ topic: 'items', partition: 0, offset: 3 }])
  return log
}

describe('a source whose next record is gone', () => {
  it('stops its pipeline, which says what is gone and how to go on', async () => {
    const log = await trimmedLog()
    await using app = await start([copying()], { app: 'test', log })
    await assert.rejects(app.failed, (error: Error) => {
      assert.match(
        error.message,
        /^Pipeline "copying" stopped: items\/0 holds offsets 3 to 5, not 1\. Retention/,
      )
      assert.match(error.message, /millrace groups reset copying --topic items --to earliest/)
      assert.match(error.message, /from\(topic, \{ outOfRange: 'earliest' \}\)/)
      return true
    })
  })

  for (const [outOfRange, expected] of [
    ['earliest', [0, 3, 4, 9]],
    ['latest', [0, 9]],
  ] as const) {
    it(`goes on at the ${outOfRange} record where that is asked for, and says what is left out`, async () => {
      const log = await trimmedLog()
      const warnings: string[] = []
      const logger = { info() {}, error() {}, warn: (message: string) => void warnings.push(message) }
      await using app = await start([copying(outOfRange)], { app: 'test', log, logger })
      while (warnings.length === 0) await new Promise(resolve => setImmediate(resolve))
      await app.send(items, { n: 9 })
      const copied = async () => (await readTopic(log, copies.name)).map(({ value }) => JSON.parse(value!).n)
      while (!(await copied()).includes(9))
        await Promise.race([app.failed, new Promise(resolve => setTimeout(resolve, 5))])
      assert.deepEqual(await copied(), expected)
      const missed = outOfRange === 'earliest' ? 2 : 4
      assert.equal(warnings.length, 1)
      assert.match(warnings[0]!, new RegExp(`${missed} records of items/0 are gone .* going on at offset`))
      await app.stop()
      assert.equal((await log.committed('test.copying', [{ topic: 'items', partition: 0 }]))[0]!.offset, 6)
    })
  }

  it('refuses another word', () => {
    assert.throws(() => copying('newest' as OutOfRange), /outOfRange is newest; give 'fail', 'earliest'/)
  })
})
