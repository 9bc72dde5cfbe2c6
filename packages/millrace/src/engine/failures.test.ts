import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, custom, sum } from '../stream/aggregates.ts'
import { tumbling } from '../window/tumbling.ts'
import { TaskStopped } from './failures.ts'
import { type Hit, hits, idsIn, other, out, reasons, started } from './testkit/hits.ts'
import { at, rowsIn, storyStart } from './testkit/story.ts'

for (const mode of ['compiled', 'interpreted'] as const) {
  describe(`failures, ${mode}`, () => {
    it('[7.1] a record that fails goes to a durable topic as it was read, with what happened in its headers', () => {
      const { run } = started(mode, p =>
        p
          .from(hits)
          .map(
            v => {
              if (v.id === 2) throw new Error('no twos')
              return v.id
            },
            { name: 'halve' } as never,
          )
          .to(out),
      )
      const own = { name: 'trace', value: Buffer.from('t1') }
      run.append('hits', 0, [at(1, { id: 1 }), { ...at(2, '{"id": 2,  "more":"x"}'), headers: [own] }])
      run.drain()
      const [failed, ...none] = run.sideRecords('failed')
      assert.equal(none.length, 0)
      assert.equal(failed!.value!.toString(), '{"id": 2,  "more":"x"}')
      assert.equal(failed!.timestamp, storyStart + 2_000)
      const { 'millrace.step': step, ...headers } = failed!.headers
      assert.ok(step !== undefined)
      assert.deepEqual(headers, {
        trace: 't1',
        'millrace.reason': 'callback',
        'millrace.error': 'Error: no twos',
        'millrace.topic': 'hits',
        'millrace.partition': '0',
        'millrace.offset': '1',
        'millrace.attempt': '0',
      })
      assert.deepEqual(run.incidents.length, 1)
    })

    it('[7.1] a pipeline most of whose records fail stops with the error', () => {
      const refuse = () => {
        throw new Error('wrong field')
      }
      const { run } = started(mode, p => p.from(hits).map(refuse).to(out), {}, 0.5)
      run.append(
        'hits',
        0,
        Array.from({ length: 99 }, (_, i) => at(i, { id: i })),
      )
      run.drain()
      run.append('hits', 0, [at(100, { id: 100 })])
      assert.throws(
        () => run.drain(),
        (error: Error) => error instanceof TaskStopped && /wrong field/.test(error.message),
      )
    })

    it('[7.1] half of the last hundred may fail', () => {
      const refuseOdd = (v: Hit) => {
        if (v.id % 2 === 1) throw new Error('odd')
        return v.id
      }
      const { run } = started(mode, p => p.from(hits).map(refuseOdd).to(out), {}, 0.5)
      run.append(
        'hits',
        0,
        Array.from({ length: 500 }, (_, i) => at(i, { id: i })),
      )
      run.drain()
      assert.equal(run.sideRecords('failed').length, 250)
    })

    it('[7.2] a result too large for its topic is a failed record, and the task goes on', () => {
      const { run } = started(
        mode,
        p =>
          p
            .from(hits)
            .map(v => ({ id: v.id, text: 'x'.repeat(v.id) }))
            .to(out),
        { recordBytesMax: 200 },
      )
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 500 }), at(3, { id: 3 })])
      run.drain()
      assert.deepEqual(idsIn(run), [1, 3])
      assert.deepEqual(reasons(run), ['too-large'])
    })

    it('[7.6] a row too large for its changelog stops the task, which names step, key and size', () => {
      const texts = custom<Hit, string, number>({
        init: () => '',
        add: (text, { id }) => text + 'x'.repeat(id),
        result: text => text.length,
        version: 1,
      })
      for (const window of [false, true]) {
        const { run } = started(mode, p => {
          const keyed = p.from(hits, { idle: 'never' }).byKey()
          const columns = { length: texts }
          if (window) keyed.window(tumbling('1m')).aggregate('texts', columns).emit('updates').to(other)
          else keyed.aggregate('texts', columns).emit('updates').to(other)
        })
        run.append('hits', 0, [at(1, { id: 400_000 }), at(2, { id: 700_000 })])
        assert.throws(
          () => run.drain(),
          (error: Error) =>
            error instanceof TaskStopped &&
            /^What step "texts" keeps for the key "k" takes 11\d{5} bytes, and a record .* at most 1000000\. Keep less .*, or let topic app\.p\.texts\.changelog take more \(max\.message\.bytes\)\. State and positions are/.test(
              error.message,
            ),
        )
      }
    })

    it('[7.1] late records may have a window of their own, and those that are late there too are told', () => {
      const { run } = started(mode, p => {
        const minutes = p
          .from(hits, { idle: 'never' })
          .byKey()
          .window(tumbling('1m'))
          .aggregate('minutes', { n: count() })
        minutes.emit('final').to(out)
        const second = minutes.late
          .byKey()
          .window(tumbling('1m', { grace: '1m' }))
          .aggregate('second', { n: count() })
        second.emit('final').to(other)
      })
      const late = at(2, { id: 2 })
      run.append('hits', 0, [
        at(1, { id: 1 }),
        at(60, { id: 3 }),
        late,
        at(120, { id: 4 }),
        late,
        at(180, { id: 5 }),
        late,
      ])
      run.drain()
      assert.deepEqual(rowsIn(run, 'other'), ['k@0=1'])
      assert.deepEqual(
        run.sideRecords('late').map(({ headers }) => headers['millrace.step']),
        ['second', 'second'],
      )
    })

    it('[7.3] records of one task meet callbacks one by one, in order', () => {
      const calls: string[] = []
      const { run } = started(mode, p =>
        p
          .from(hits)
          .peek(v => void calls.push(`a${v.id}`))
          .peek(v => void calls.push(`b${v.id}`))
          .to(out),
      )
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 })])
      run.append('hits', 0, [at(3, { id: 3 })])
      run.drain()
      assert.deepEqual(calls, ['a1', 'b1', 'a2', 'b2', 'a3', 'b3'])
    })

    it('[7.5] a promise where a value belongs is a failed record that names the step', () => {
      const promised = (value: unknown) => Promise.resolve(value) as never
      const { run } = started(mode, p => {
        const source = p.from(hits)
        source.map(v => promised(v)).to(out)
        source.filter(v => promised(v.id > 0)).to(out)
        source.byKey().aggregate('sums', { total: sum<Hit>(v => promised(v.id)) })
      })
      run.append('hits', 0, [at(1, { id: 1 })])
      run.drain()
      assert.deepEqual(idsIn(run), [])
      const failed = run
        .sideRecords('failed')
        .map(({ headers }) => [headers['millrace.step'], headers['millrace.reason']])
      const expected = [
        ['filter', 'thenable'],
        ['map', 'thenable'],
        ['sums', 'not-a-number'],
      ]
      assert.deepEqual(failed.sort(), expected)
    })

    it('[7.6] bytes in a repartition topic that Millrace cannot have written stop the task', () => {
      const { run } = started(mode, p =>
        p
          .from(hits)
          .keyBy('by-id', v => v.id)
          .aggregate('n', { n: count() })
          .emit('updates')
          .to(out),
      )
      run.append('hits', 0, [at(1, { id: 1 })])
      run.drain()
      run.append(run.repartitionOf('by-id'), 0, [{ key: null, value: Buffer.from('junk'), timestamp: 0 }])
      assert.throws(() => run.drain(), /is not a marker/)
    })
  })
}
