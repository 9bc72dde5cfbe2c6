import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryLog } from '../../packages/millrace/src/log/memory/memory-log.ts'
import { seededRandom } from '../../packages/millrace/src/std/random.ts'
import { Generator } from './generator.ts'
import { arrivals, readings } from './pipelines.ts'

async function generatorOver(log: MemoryLog): Promise<Generator> {
  await log.createTopics([readings, arrivals].map(({ name, partitions }) => ({ name, partitions })))
  return new Generator({ log, random: seededRandom(1), beginMs: 1_700_000_000_000, recordsPerSecond: 1_000 })
}

const endsIn = async (log: MemoryLog, topic: string) => (await log.offsets(topic)).map(({ latest }) => latest)

describe('the generator of a storm', () => {
  it('ends when it is told to, however few records there are', async () => {
    const generator = await generatorOver(new MemoryLog())
    const generating = generator.run(1_000_000)
    generator.stop()
    await generating
    assert.ok(generator.count < 1_000_000)
  })

  it('remembers what was acknowledged, partition by partition', async () => {
    const log = new MemoryLog()
    const generator = await generatorOver(log)
    await generator.append(1_000)
    const counts = (topic: 'readings' | 'arrivals') => generator.acknowledged[topic].map(list => list.length)
    assert.deepEqual(await endsIn(log, 'readings'), counts('readings'))
    assert.deepEqual(await endsIn(log, 'arrivals'), counts('arrivals'))
    assert.equal(generator.count, 1_000)
  })

  it('writes to a partition that was added', async () => {
    const log = new MemoryLog()
    const generator = await generatorOver(log)
    await log.alterTopics([{ name: arrivals.name, partitions: arrivals.partitions + 1 }])
    generator.addPartition()
    await generator.append(1_000)
    assert.ok((await endsIn(log, 'arrivals')).at(-1)! > 0)
  })
})
