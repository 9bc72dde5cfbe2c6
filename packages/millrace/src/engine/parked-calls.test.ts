import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count } from '../stream/aggregates.ts'
import type { PipelineBuilder } from '../stream/pipeline.ts'
import { tumbling } from '../window/tumbling.ts'
import { type Hit, hits, idsIn, other, out, started } from './testkit/hits.ts'
import { at, rowsIn, valuesIn } from './testkit/story.ts'

const backoff = { retries: 2, backoff: '1s' } as const

/** Fails the first `times` calls for each id in `ids`. */
function flaky(ids: readonly number[], times: number) {
  const calls = new Map<number, number>()
  return (v: Hit): Hit => {
    const call = (calls.get(v.id) ?? 0) + 1
    calls.set(v.id, call)
    if (ids.includes(v.id) && call <= times) throw new Error(`call ${call}`)
    return { ...v }
  }
}

for (const mode of ['compiled', 'interpreted'] as const) {
  describe(`parked calls, ${mode}`, () => {
    it('[7.2] a back-off parks the task: nothing goes past it, nothing of it is committed', () => {
      const fn = flaky([2], 2)
      const { run, clock } = started(mode, p => p.from(hits).map(fn, { retry: backoff }).to(out))
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 }), at(3, { id: 3 })])
      run.drain()
      assert.ok(run.task('hits/0').isParked)
      assert.deepEqual(idsIn(run), [], 'a parked task is not cut')
      clock.advance(999)
      run.drain()
      assert.deepEqual(idsIn(run), [])
      clock.advance(1)
      run.drain()
      assert.ok(run.task('hits/0').isParked, 'the second attempt failed')
      clock.advance(1_000)
      run.drain()
      assert.deepEqual(idsIn(run), [1, 2, 3])
    })

    it('[7.2] memory of a batch is given back when its last record is through, not while a call waits', () => {
      const fn = flaky([2], 1)
      const build = (p: PipelineBuilder) => p.from(hits).map(fn, { retry: backoff }).to(out)
      const { run, clock } = started(mode, build)
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 })])
      run.append('hits', 0, [at(3, { id: 3 })])
      run.drain()
      assert.ok(run.task('hits/0').isParked)
      assert.deepEqual([run.memory.lent, run.memory.returned], [1, 0], 'both batches came in one answer')
      clock.advance(1_000)
      run.drain()
      assert.deepEqual(idsIn(run), [1, 2, 3])
      assert.equal(run.memory.returned, 1)
    })

    it('[7.2] when the attempts are used up the record fails and the next one goes on', () => {
      const fn = flaky([2], 99)
      const { run, clock } = started(mode, p => p.from(hits).map(fn, { retry: backoff }).to(out))
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 }), at(3, { id: 3 })])
      for (let i = 0; i < 4; i++) {
        run.drain()
        clock.advance(1_000)
      }
      assert.deepEqual(idsIn(run), [1, 3])
      assert.deepEqual(
        run.sideRecords('failed').map(({ headers }) => headers['millrace.attempt']),
        ['2'],
      )
    })

    it('[7.2] what a flatMap gave keeps its order when the first of it has to wait, at two steps in a row', () => {
      const first = flaky([1, 10], 1)
      const second = flaky([1, 11, 20], 1)
      const build = (p: PipelineBuilder) =>
        p
          .from(hits)
          .flatMap(v => [v, { id: v.id * 10 }, { id: v.id * 10 + 1 }])
          .map(first, { retry: backoff })
          .flatMap(v => [v, { id: -v.id }])
          .map(second, { retry: backoff })
          .to(out)
      const { run, clock } = started(mode, build)
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 })])
      for (let i = 0; i < 12; i++) {
        run.drain()
        clock.advance(1_000)
      }
      assert.deepEqual(idsIn(run), [1, -1, 10, -10, 11, -11, 2, -2, 20, -20, 21, -21])
      assert.equal(run.sideRecords('failed').length, 0)
    })

    it('[7.2] each step counts its own attempts', () => {
      const first = flaky([1], 2)
      const second = flaky([1], 2)
      const build = (p: PipelineBuilder) =>
        p.from(hits).map(first, { retry: backoff }).map(second, { retry: backoff }).to(out)
      const { run, clock } = started(mode, build)
      run.append('hits', 0, [at(1, { id: 1 })])
      for (let i = 0; i < 6; i++) {
        run.drain()
        clock.advance(1_000)
      }
      assert.deepEqual(idsIn(run), [1])
    })

    it('[7.2] a record that had to wait is judged late like any other', () => {
      const fn = flaky([2], 1)
      const { run, clock } = started(mode, p =>
        p
          .from(hits, { idle: 'never' })
          .filter(v => fn(v) !== undefined, { retry: backoff })
          .byKey()
          .window(tumbling('1m'))
          .aggregate('minutes', { n: count() })
          .emit('final')
          .to(out),
      )
      run.append('hits', 0, [at(1, { id: 1 }), at(60, { id: 3 }), at(2, { id: 2 }), at(120, { id: 4 })])
      run.drain()
      clock.advance(1_000)
      run.drain()
      assert.deepEqual(rowsIn(run, 'out'), ['k@0=1', 'k@60=1'])
      assert.equal(run.sideRecords('late').length, 1)
    })

    it('[7.2] a row of a number key that had to wait keeps its key, and an update its window', () => {
      const failing = { on: true }
      const failOnce = (v: any) => {
        if (!failing.on) return v
        failing.on = false
        throw new Error('once')
      }
      const build = (p: PipelineBuilder) => {
        const windows = p
          .from(hits, { idle: 'never' })
          .keyBy('by-id', v => v.id)
          .window(tumbling('1m'))
          .aggregate('minutes', { n: count() })
        windows
          .emit('final')
          .map((v, r) => failOnce({ ...v, type: typeof r.key }), { retry: backoff })
          .to(out)
        windows
          .emit('updates')
          .peek(() => {}, { retry: backoff })
          .to(other)
      }
      const { run, clock } = started(mode, build)
      run.append('hits', 0, [at(1, { id: 7 }), at(60, { id: 8 })])
      run.drain()
      assert.ok(!failing.on)
      clock.advance(1_000)
      run.drain()
      assert.deepEqual(
        valuesIn(run, 'out').map(({ key, type }) => [key, type]),
        [[7, 'number']],
      )
      assert.deepEqual(
        run.topics.records('other').map(({ key }) => key!.length),
        [9, 9],
      )
    })

    it('[7.2] a park behind a keyBy does not move the carried time', () => {
      const fn = flaky([1], 1)
      const { run, clock } = started(mode, p =>
        p
          .from(hits, { idle: 'never', outOfOrder: '1h' })
          .keyBy('by-id', () => 'k')
          .filter(v => fn(v) !== undefined, { retry: backoff })
          .window(tumbling('1m'))
          .aggregate('minutes', { n: count() })
          .emit('final')
          .to(out),
      )
      run.append('hits', 0, [at(600, { id: 1 }), at(2, { id: 2 })])
      run.drain()
      clock.advance(1_000)
      run.drain()
      run.endInputs()
      run.drain()
      assert.deepEqual(rowsIn(run, 'out'), ['k@0=1', 'k@600=1'])
    })
  })
}
