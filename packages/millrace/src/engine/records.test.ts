import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { out as withMetadata } from '../plan/out.ts'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import { keys } from '../serde/keys.ts'
import { VirtualClock } from '../std/clock.ts'
import { partitionOf } from '../std/murmur2.ts'
import { count, custom, sum } from '../stream/aggregates.ts'
import { every } from '../stream/emission.ts'
import { type PipelineBuilder, pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { EngineRun, type EngineRunOptions } from './testkit/engine-run.ts'
import { at, rowsIn, storyStart, valuesIn } from './testkit/story.ts'

interface Hit {
  readonly id: number
  readonly key?: any
  readonly ms?: any
}

const hits = topic('hits', { value: json<Hit>() })
const out = topic<any, any, any>('out', { value: json<any>() })
const other = topic<any, any, any>('other', { value: json<any>() })
const headers = [{ name: 'trace', value: Buffer.from('t1') }]

for (const mode of ['compiled', 'interpreted'] as const) {
  describe(`records, ${mode}`, () => {
    function started(build: (p: PipelineBuilder) => unknown, options: EngineRunOptions = {}) {
      const clock = new VirtualClock(8e15)
      const graph = pipeline('p', { maxFailureRate: 1 }, p => void build(p)).graph
      return { run: new EngineRun(graph, { mode, clock, ...options }).start(), clock }
    }
    const reasons = (run: EngineRun) => run.sideRecords('failed').map(each => each.headers['millrace.reason'])

    it('[5.1] a re-keyed key is read back as the type it had, and equal keys are one', () => {
      for (const key of ['a', '', 12.5, -0, true, [1, { b: 2, a: 1 }], { a: 1, b: [null] }]) {
        const { run } = started(p =>
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
      const { run } = started(p => {
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
      const { run } = started(p =>
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
      const { run } = started(build)
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
      const { run } = started(p => {
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

    it('[5.3] a field by its name and by a callback give the same', () => {
      const { run } = started(p => {
        const keyed = p.from(hits).byKey()
        keyed
          .aggregate('names', { ms: sum('ms') })
          .emit('updates')
          .to(out)
        keyed
          .aggregate('callbacks', { ms: sum(v => v.ms) })
          .emit('updates')
          .to(other)
      })
      run.append(
        'hits',
        0,
        [1, null, undefined, 3, 'x'].map((ms, id) => at(id, { id, ms })),
      )
      run.drain()
      assert.deepEqual(valuesIn(run, 'out'), valuesIn(run, 'other'))
      assert.deepEqual(valuesIn(run, 'out').at(-1), { ms: 4 })
      assert.deepEqual(reasons(run), ['not-a-number', 'not-a-number'])
    })

    it('[5.4] a callback that changes a value fails, and the value goes on unchanged', () => {
      const change = (v: any) => {
        v.id = 99
      }
      const { run } = started(
        p => {
          const source = p.from(hits)
          source.peek(change)
          source
            .map(v => ({ ...v, made: true }))
            .peek(change)
            .to(out)
          source.to(other)
        },
        { freeze: true },
      )
      run.append('hits', 0, [at(1, { id: 1 })])
      run.drain()
      assert.deepEqual(reasons(run), ['callback', 'callback'])
      assert.deepEqual(valuesIn(run, 'other'), [{ id: 1 }])
    })

    it('[5.4] a value may be kept, the record view is another one with each call unless it is copied', () => {
      const values: Hit[] = []
      const copies: number[] = []
      const { run } = started(p =>
        p
          .from(hits)
          .peek((v, r) => {
            values.push(v)
            copies.push(r.copy().offset)
          })
          .to(out),
      )
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 })])
      run.drain()
      assert.deepEqual(
        values.map(({ id }) => id),
        [1, 2],
      )
      assert.deepEqual(copies, [0, 1])
    })

    it('[5.5] a record that is not changed is copied byte by byte, headers and all', () => {
      const { run } = started(p =>
        p
          .from(hits)
          .filter(v => v.id > 0)
          .keyBy('by-id', v => v.id)
          .to(out),
      )
      const value = '{ "id" : 1,\t"more":[1.0, 1e2 ] }'
      run.append('hits', 0, [{ ...at(1, value), headers }])
      run.drain()
      const [record] = run.topics.records('out')
      assert.equal(record!.value!.toString(), value)
      assert.deepEqual(record!.headers, { trace: 't1' })
      assert.equal(record!.key!.toString(), '1')
    })

    it('[5.7] tombstones go to .tombstones, or to callbacks where nulls are asked for', () => {
      const aside = started(p => {
        const source = p.from(hits)
        source.map(v => v.id).to(out)
        source.tombstones.map(() => 'gone').to(other)
      })
      aside.run.append('hits', 0, [at(1, { id: 1 }), at(2, null)])
      aside.run.drain()
      assert.deepEqual([valuesIn(aside.run, 'out'), valuesIn(aside.run, 'other')], [[1], ['gone']])
      const asked = started(p => p.from(hits, { nulls: true }).to(out))
      asked.run.append('hits', 0, [at(1, { id: 1 }), at(2, null)])
      asked.run.drain()
      assert.deepEqual(valuesIn(asked.run, 'out'), [{ id: 1 }, null])
    })

    it('[5.7] undefined fails, out() sets key, time and headers, and headers end at an aggregate', () => {
      const { run } = started(p => {
        const source = p.from(hits, { idle: 'never' })
        source
          .map(v =>
            v.id === 2
              ? (undefined as never)
              : withMetadata({ id: v.id }, { key: 'new', timestamp: storyStart, headers: { a: 'b' } }),
          )
          .to(out)
        source
          .keyBy('by-id', v => v.id)
          .window(tumbling('1m'))
          .aggregate('n', { n: count() })
          .emit('final')
          .to(other)
      })
      run.append('hits', 0, [{ ...at(1, { id: 1 }), headers }, at(2, { id: 2 }), at(90, { id: 3 })])
      run.drain()
      assert.deepEqual(reasons(run), ['undefined'])
      const [record] = run.topics.records('out')
      assert.deepEqual(
        [record!.key!.toString(), record!.timestamp, record!.headers],
        ['new', storyStart, { a: 'b' }],
      )
      assert.deepEqual(
        run.topics.records(run.repartitionOf('by-id')).find(({ key }) => key !== null)!.headers,
        { trace: 't1' },
      )
      assert.deepEqual(
        run.topics.records('other').map(each => each.headers),
        [{}, {}],
      )
    })

    it('[5.8] final rows carry key, start and end at end − 1; updates their window in the key, at the largest time', () => {
      const { run } = started(p => {
        const windows = p
          .from(hits, { idle: 'never', outOfOrder: '1m' })
          .byKey()
          .window(tumbling('1m'))
          .aggregate('n', { n: count() })
        windows.emit('final').to(out)
        windows.emit('updates').to(other)
      })
      run.append('hits', 0, [at(30, { id: 1 }), at(10, { id: 2 }), at(120, { id: 3 })])
      run.drain()
      const [row] = run.topics.records('out')
      const end = storyStart + 60_000
      assert.deepEqual(JSON.parse(row!.value!.toString()), { n: 2, key: 'k', start: storyStart, end })
      assert.deepEqual([row!.key!.toString(), row!.timestamp], ['k', end - 1])
      const updates = run.topics.records('other')
      assert.deepEqual(
        updates.map(({ timestamp }) => (timestamp - storyStart) / 1000),
        [30, 30, 120],
      )
      const key = updates[0]!.key!
      assert.equal(key.subarray(0, 1).toString(), 'k')
      assert.equal(key.readBigInt64BE(1), BigInt(storyStart))
    })

    it('[5.8] a record that does not change the result is no update', () => {
      const { run } = started(p =>
        p
          .from(hits)
          .byKey()
          .aggregate('n', { n: count(v => v.id > 1), ms: sum('ms') })
          .emit('updates')
          .to(out),
      )
      run.append('hits', 0, [
        at(1, { id: 1 }),
        at(2, { id: 1 }),
        at(3, { id: 2, ms: 0 }),
        at(4, { id: 0, ms: 5 }),
      ])
      run.drain()
      assert.deepEqual(valuesIn(run, 'out'), [
        { n: 0, ms: 0 },
        { n: 1, ms: 0 },
        { n: 1, ms: 5 },
      ])
    })

    it('[5.8] every() gives changed rows, coalesced, by the wall clock, and waits across a restart', () => {
      const { run, clock } = started(p =>
        p.from(hits).byKey().aggregate('n', { n: count() }).emit(every('10s')).to(out),
      )
      const tick = () => {
        for (const task of run.tasks.values()) task.fireTicks()
        run.drain()
      }
      run.append('hits', 0, [at(1, { id: 1 })])
      run.drain()
      tick()
      assert.deepEqual(valuesIn(run, 'out'), [{ n: 1 }])
      run.append('hits', 0, [at(2, { id: 2 }), at(3, { id: 3 })])
      run.drain()
      clock.advance(9_999)
      tick()
      assert.equal(valuesIn(run, 'out').length, 1)
      run.crash([...run.tasks.values()])
      clock.advance(1)
      tick()
      tick()
      assert.deepEqual(valuesIn(run, 'out'), [{ n: 1 }, { n: 3 }])
    })

    it('[5.8] every() by event time gives changed rows at multiples of the watermark', () => {
      const { run } = started(p =>
        p
          .from(hits, { idle: 'never' })
          .byKey()
          .aggregate('n', { n: count() })
          .emit(every('10s', { time: 'event' }))
          .to(out),
      )
      run.append('hits', 0, [at(1, { id: 1 }), at(9, { id: 2 })])
      run.drain()
      assert.deepEqual(
        valuesIn(run, 'out'),
        [{ n: 1 }],
        'the first record took the watermark past a multiple',
      )
      run.append('hits', 0, [at(10, { id: 3 })])
      run.drain()
      assert.deepEqual(valuesIn(run, 'out'), [{ n: 1 }, { n: 3 }])
      run.append('hits', 0, [at(12, { id: 4 }), at(35, { id: 5 }), at(41, { id: 6 })])
      run.drain()
      assert.deepEqual(
        valuesIn(run, 'out').map(({ n }) => n),
        [1, 3, 5, 6],
      )
    })

    it('[5.8] rows of a tick that come into a window which is closed are late', () => {
      const { run } = started(p =>
        p
          .from(hits, { idle: 'never' })
          .byKey()
          .aggregate('table', { n: count() })
          .emit(every('10s', { time: 'event' }))
          .byKey()
          .window(tumbling('1m'))
          .aggregate('minutes', { n: count() })
          .emit('final')
          .to(out),
      )
      run.append('hits', 0, [
        at(1, { id: 1 }),
        at(200, { id: 2 }),
        at(2, { id: 3 }, 'old'),
        at(400, { id: 4 }),
      ])
      run.drain()
      assert.deepEqual(rowsIn(run, 'out'), ['k@0=1', 'k@180=1'])
      assert.deepEqual(
        run.sideRecords('late').map(({ key }) => key!.toString()),
        ['old'],
      )
    })

    it('[5.9] a stateless merge runs each topic on its own, a keyed one together', () => {
      const second = topic('second', { value: json<Hit>() })
      const { run } = started(p => {
        const merged = p.from(hits, { idle: 'never' }).merge(p.from(second, { idle: 'never' }))
        merged.map(v => v.id).to(out)
      })
      assert.deepEqual([...run.tasks.keys()], ['hits/0', 'second/0'])
      run.append('hits', 0, [at(1, { id: 1 })])
      run.append('second', 0, [at(1, { id: 2 })])
      run.drain()
      assert.deepEqual(valuesIn(run, 'out').sort(), [1, 2])
      const keyed = started(p => {
        const merged = p
          .from(hits, { idle: 'never' })
          .byKey()
          .merge(p.from(second, { idle: 'never' }).byKey())
        merged.aggregate('n', { n: count() }).emit('updates').to(out)
      })
      assert.deepEqual([...keyed.run.tasks.keys()], ['hits+second/0'])
    })

    it('[6.1] the earliest head goes first, at equal times that of the input written first', () => {
      const second = topic('second', { value: json<Hit>() })
      const { run } = started(p => {
        const merged = p
          .from(hits, { idle: 'never' })
          .byKey()
          .merge(p.from(second, { idle: 'never' }).byKey())
        const ids = custom<any, number[], number[]>({
          init: () => [],
          add: (all, v) => [...all, v.id],
          result: all => all,
          version: 1,
        })
        merged.aggregate('ids', { ids }).emit('updates').to(out)
      })
      run.append('hits', 0, [at(1, { id: 1 }), at(5, { id: 2 }), at(3, { id: 3 }), at(9, { id: 4 })])
      run.append('second', 0, [at(1, { id: 11 }), at(2, { id: 12 })])
      run.append('second', 0, [at(5, { id: 13 }), at(6, { id: 14 })])
      run.drain()
      assert.deepEqual(valuesIn(run, 'out').at(-1).ids, [1, 11, 12, 2, 3, 13, 14, 4])
    })

    it('[7.1] a row whose result throws fails at its step and the others go out', () => {
      const fragile = custom<any, number, number>({
        init: () => 0,
        add: (n, v) => n + v.id,
        result(n) {
          if (n === 13) throw new Error('13')
          return n
        },
        version: 1,
      })
      const { run } = started(p => {
        const windows = p
          .from(hits, { idle: 'never' })
          .byKey()
          .window(tumbling('1m'))
          .aggregate('n', { n: fragile })
        windows.emit('final').to(out)
        windows.failed.to(other)
      })
      run.append('hits', 0, [
        at(1, { id: 1 }, 'a'),
        at(1, { id: 13 }, 'b'),
        at(1, { id: 2 }, 'c'),
        at(60, { id: 5 }),
      ])
      run.drain()
      assert.deepEqual(rowsIn(run, 'out'), ['a@0=1', 'c@0=2'])
      assert.deepEqual(
        run.topics.records('other').map(({ key, value }) => [key?.toString(), value]),
        [['b', null]],
      )
    })

    it('bytes that no serde reads pass through a keyBy as they are', () => {
      const blobs = topic('blobs', { value: bytes() })
      const sink = topic<any, any, any>('sink', { value: bytes() })
      const { run } = started(p =>
        p
          .from(blobs)
          .keyBy('by-length', v => v.length)
          .to(sink),
      )
      const value = Buffer.from([0, 255, 10])
      run.append('blobs', 0, [{ key: null, value, timestamp: storyStart }])
      run.drain()
      assert.deepEqual(run.topics.records('sink')[0]!.value, value)
    })
  })
}
