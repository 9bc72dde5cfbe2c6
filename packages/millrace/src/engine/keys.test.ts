import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { keys } from '../serde/keys.ts'
import { partitionOf } from '../std/murmur2.ts'
import { count } from '../stream/aggregates.ts'
import type { PipelineBuilder } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { type Hit, hits, other, out, reasons, started } from './testkit/hits.ts'
import { at, rowsIn, valuesIn } from './testkit/story.ts'

for (const mode of ['compiled', 'interpreted'] as const) {
  describe(`keys, ${mode}`, () => {
    it('[5.1] a re-keyed key is read back as the type it had, and equal keys are one', () => {
      for (const key of ['a', '', 12.5, -0, true, [1, { b: 2, a: 1 }], { a: 1, b: [null] }]) {
        const { run } = started(mode, p =>
          p
            .from(hits, { idle: 'never' })
            .keyBy('by-key', v => v.key)
            .window(tumbling('1m'))
            .aggregate('n', { n: count() })
            .emit('final')
            .map((v, r) => ({ ...v, type: typeof r.key }))
            .to(out),
        )
        run.append('hits', 0, [at(1, { id: 1, key }), at(2, { id: 2, key }), at(90, { id: 3, key })])
        run.drain()
        const [row] = valuesIn(run, 'out')
        assert.deepEqual([row.key, row.type, row.n], [JSON.parse(JSON.stringify(key)), typeof key, 2])
      }
    })

    it('[5.1] bigints and bytes are keys too', () => {
      const seen: unknown[] = []
      const { run } = started(mode, p => {
        p.from(hits)
          .keyBy('big', v => BigInt(v.id))
          .peek((_, r) => void seen.push(r.key))
          .to(out)
        p.from(hits)
          .keyBy('bytes', v => Buffer.from([v.id]))
          .peek((_, r) => void seen.push(r.key))
          .to(other)
      })
      run.append('hits', 0, [at(1, { id: 7 })])
      run.drain()
      assert.equal(seen[0], 7n)
      assert.deepEqual(Buffer.from(seen[1] as Uint8Array), Buffer.from([7]))
    })

    it('[5.1] a key goes to the partition that Kafka gives it', () => {
      const { run } = started(mode, p =>
        p
          .from(hits)
          .keyBy('by-id', v => `user-${v.id}`, { partitions: 5 })
          .to(out),
      )
      run.append(
        'hits',
        0,
        Array.from({ length: 50 }, (_, id) => at(id, { id })),
      )
      run.drain()
      const records = run.topics.records(run.repartitionOf('by-id')).filter(({ key }) => key !== null)
      assert.equal(records.length, 50)
      for (const { key, partition } of records) assert.equal(partition, partitionOf(key!, 0, key!.length, 5))
    })

    it('[5.1] a second kind of key, no key and no number fail at a keyed step, also after a restart', () => {
      const build = (p: PipelineBuilder) =>
        p
          .from(hits)
          .keyBy('by-key', v => v.key)
          .aggregate('n', { n: count() })
          .emit('updates')
          .to(out)
      const { run } = started(mode, build)
      run.append('hits', 0, [at(1, { id: 1, key: 'a' }), at(2, { id: 2, key: null }), at(3, { id: 3 })])
      run.drain()
      run.crash([...run.tasks.values()])
      run.append('hits', 0, [at(4, { id: 4, key: 5 }), at(5, { id: 5, key: 'a' })])
      run.drain()
      assert.deepEqual(reasons(run), ['no-key', 'no-key', 'key-kind'])
      assert.deepEqual(valuesIn(run, 'out'), [{ n: 1 }, { n: 2 }])
    })

    it('[5.1] a serde of the user writes and reads keys, in state and out of it', () => {
      const numbered = topic<Hit, Hit, number>('numbered', { value: json<Hit>(), keySerde: keys.int32 })
      const sink = topic<any, any, any>('sink', { value: json<any>(), keySerde: keys.int32 as never })
      const { run } = started(mode, p => {
        const source = p.from(numbered, { idle: 'never' })
        source.byKey().window(tumbling('1m')).aggregate('n', { n: count() }).emit('final').to(sink)
      })
      const key = Buffer.from([0, 0, 1, 0])
      run.append('numbered', 0, [
        { ...at(1, { id: 1 }), key },
        { ...at(90, { id: 2 }), key },
      ])
      run.append('numbered', 0, [{ ...at(91, { id: 3 }), key: Buffer.from('no') }])
      run.drain()
      run.crash([...run.tasks.values()])
      run.append('numbered', 0, [{ ...at(200, { id: 4 }), key }])
      run.drain()
      assert.deepEqual(rowsIn(run, 'sink'), ['256@0=1', '256@60=1'])
      assert.deepEqual(run.topics.records('sink')[0]!.key, key)
      assert.equal(run.sideRecords('rejected').length, 1)
    })
  })
}
