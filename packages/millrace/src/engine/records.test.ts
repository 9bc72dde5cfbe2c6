import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { out as withMetadata } from '../plan/out.ts'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import { count, custom, sum } from '../stream/aggregates.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { type Hit, hits, other, out, reasons, started } from './testkit/hits.ts'
import { at, rowsIn, storyStart, valuesIn } from './testkit/story.ts'

const headers = [{ name: 'trace', value: Buffer.from('t1') }]

for (const mode of ['compiled', 'interpreted'] as const) {
  describe(`records, ${mode}`, () => {
    it('[5.3] a field by its name and by a callback give the same', () => {
      const { run } = started(mode, p => {
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
        mode,
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
      const { run } = started(mode, p =>
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
      const { run } = started(mode, p =>
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
      const aside = started(mode, p => {
        const source = p.from(hits)
        source.map(v => v.id).to(out)
        source.tombstones.map(() => 'gone').to(other)
      })
      aside.run.append('hits', 0, [at(1, { id: 1 }), at(2, null)])
      aside.run.drain()
      assert.deepEqual([valuesIn(aside.run, 'out'), valuesIn(aside.run, 'other')], [[1], ['gone']])
      const asked = started(mode, p => p.from(hits, { nulls: true }).to(out))
      asked.run.append('hits', 0, [at(1, { id: 1 }), at(2, null)])
      asked.run.drain()
      assert.deepEqual(valuesIn(asked.run, 'out'), [{ id: 1 }, null])
    })

    it('[5.7] undefined fails, out() sets key, time and headers, and headers end at an aggregate', () => {
      const { run } = started(mode, p => {
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

    it('[5.9] a stateless merge runs each topic on its own, a keyed one together', () => {
      const second = topic('second', { value: json<Hit>() })
      const { run } = started(mode, p => {
        const merged = p.from(hits, { idle: 'never' }).merge(p.from(second, { idle: 'never' }))
        merged.map(v => v.id).to(out)
      })
      assert.deepEqual([...run.tasks.keys()], ['hits/0', 'second/0'])
      run.append('hits', 0, [at(1, { id: 1 })])
      run.append('second', 0, [at(1, { id: 2 })])
      run.drain()
      assert.deepEqual(valuesIn(run, 'out').sort(), [1, 2])
      const keyed = started(mode, p => {
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
      const { run } = started(mode, p => {
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
      const { run } = started(mode, p => {
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
      const { run } = started(mode, p =>
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
