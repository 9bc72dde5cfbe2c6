import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, topic } from '../index.ts'
import { CommitError } from '../log/log.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { VirtualClock } from '../std/clock.ts'
import { seededRandom } from '../std/random.ts'
import { testDriver } from '../testing.ts'
import { Lockstep } from './lockstep.ts'
import { MemoryFiles } from './memory-files.ts'
import { readPartitions } from './read-partition.ts'
import { describeModes } from './testkit/modes.ts'

const numbers = topic('numbers', { value: json<{ n: number }>(), key: v => `${v.n % 2}`, partitions: 2 })
const counts = topic('counts', { value: json<{ records: number }>(), partitions: 2 })

const counting = pipeline('counting', { commitInterval: '1h' }, p => {
  p.from(numbers).byKey().aggregate('count', { records: count() }).emit('updates').to(counts)
})

describeModes('commits', mode => {
  it('[2.5] come at once when all inputs are drained, however long the interval is', async () => {
    await using driver = await testDriver([counting], { mode })
    for (const n of [1, 3]) {
      await driver.input(numbers).send({ n })
      assert.equal((await driver.output(counts).read()).length, 1)
    }
  })

  it('[2.7] a read that asks for it is answered when its commit is acknowledged; others see the live value', async () => {
    await using driver = await testDriver([counting], { mode, commits: 'manual' })
    await driver.input(numbers).send({ n: 1 })
    assert.deepEqual(await driver.table('count').get('1'), { records: 1 })
    assert.deepEqual(await driver.output(counts).read(), [])
    assert.deepEqual(await driver.table('count').get('1', { consistency: 'committed' }), { records: 1 })
    assert.deepEqual(await driver.output(counts).values(), [{ records: 1 }])
    await driver.crash()
    assert.deepEqual(await driver.table('count').get('1'), { records: 1 })
  })

  it('[1.3] an abort makes its own pipeline begin again, and no other', async () => {
    const called: Record<string, number> = { first: 0, second: 0 }
    const pipelines = Object.keys(called).map(name =>
      pipeline(name, p => {
        p.from(numbers)
          .peek(() => {
            called[name]!++
          })
          .to(counts as never)
      }),
    )
    let strikes = 0
    const faults = (point: string) =>
      point === 'commit.before' && strikes-- === 1 ? new CommitError('aborted', 'struck') : undefined
    await using driver = await testDriver(pipelines, { mode, faults })
    strikes = 1
    await driver.input(numbers).send({ n: 1 })
    assert.deepEqual(called, { first: 2, second: 1 })
    assert.equal((await driver.output(counts).read()).length, 2)
  })
})

describe('a process that comes back', () => {
  it('[2.2] is refused what it did under an identity that is over', async () => {
    const clock = new VirtualClock(1e12)
    const broker = new MemoryBroker({ clock })
    const start = () =>
      Lockstep.start({
        app: 'app',
        graphs: [counting.graph],
        broker,
        clock,
        random: seededRandom(1),
        mode: 'compiled',
        freeze: true,
        manualCommits: true,
        print: () => {},
        files: new MemoryFiles(),
      })
    const written = async ({ log }: Lockstep) =>
      (await readPartitions(log, counts.name, () => 0)).flat().map(({ value }) => String(value))
    const old = await start()
    await old.settle()
    await old.sender.send(numbers, { n: 1 }, {})
    await old.settle()
    old.freeze()
    const current = await start()
    await old.commit()
    assert.deepEqual(await written(current), [])
    await current.settle()
    await current.commit()
    assert.deepEqual(await written(current), ['{"records":1}'])
  })
})
