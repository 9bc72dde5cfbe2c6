import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { json } from '../serde/json.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { commitPace, type Guarantee, guarantees } from './guarantee.ts'
import { start } from './start.ts'

const items = topic('items', { value: json<{ n: number }>() })
const plain = pipeline('plain', p => {
  p.from(items).print()
})
const own = pipeline('own', { commitInterval: '3s' }, p => {
  p.from(items).print()
})

describe('how often a run commits', () => {
  it('[2.5] goes by the run, else the pipeline, else the guarantee', () => {
    const intervalOf = ({ graph }: typeof plain, guarantee: Guarantee, commitIntervalMs?: number) =>
      commitPace(graph, 'embedded', { guarantee, commitIntervalMs }).intervalMs
    assert.equal(intervalOf(plain, 'exactly-once'), 100)
    assert.equal(intervalOf(plain, 'at-least-once'), 1000)
    assert.equal(intervalOf(own, 'at-least-once'), 3000)
    assert.equal(intervalOf(own, 'exactly-once', 40), 40)
  })

  it('[2.5] is at most every 5 ms where the inputs are drained, on Kafka every 20 ms', () => {
    const drainedOf = (log: 'embedded' | 'memory' | 'kafka', guarantee: Guarantee) =>
      commitPace(plain.graph, log, { guarantee }).drainedMs
    for (const guarantee of guarantees) {
      assert.equal(drainedOf('embedded', guarantee), 5)
      assert.equal(drainedOf('memory', guarantee), 5)
      assert.equal(drainedOf('kafka', guarantee), 20)
    }
  })

  it('[2.8] lets outputs go ahead only on Kafka, and at-least-once', () => {
    const outputsOf = (log: 'embedded' | 'memory' | 'kafka', guarantee: Guarantee) =>
      commitPace(plain.graph, log, { guarantee }).outputsMs
    assert.equal(outputsOf('kafka', 'at-least-once'), 10)
    assert.equal(outputsOf('kafka', 'exactly-once'), undefined)
    assert.equal(outputsOf('embedded', 'at-least-once'), undefined)
    assert.equal(outputsOf('memory', 'at-least-once'), undefined)
  })

  it('is refused where it makes no sense', async () => {
    const refused = (options: object) => start([plain], { app: 'test', log: new MemoryLog(), ...options })
    await assert.rejects(refused({ guarantee: 'sometimes' }), {
      message: 'guarantee is "sometimes"; give exactly-once or at-least-once',
    })
    await assert.rejects(refused({ commitIntervalMs: 0 }), {
      message: 'commitIntervalMs is 0; give 1 ms or more',
    })
  })
})
