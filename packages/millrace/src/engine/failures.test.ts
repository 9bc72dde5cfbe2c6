import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { VirtualClock } from '../std/clock.ts'
import { count, sum } from '../stream/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { TaskStopped } from './failures.ts'
import { EngineRun, type EngineRunOptions } from './testkit/engine-run.ts'
import { at, rowsIn, storyStart, valuesIn } from './testkit/story.ts'

interface Hit {
  readonly id: number
  readonly more?: string
}

const hits = topic('hits', { value: json<Hit>() })
const out = topic<any, any, any>('out', { value: json<any>() })
const other = topic<any, any, any>('other', { value: json<any>() })
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

/** Lets promises that are settled run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

for (const mode of ['compiled', 'interpreted'] as const) {
  describe(`failures, ${mode}`, () => {
    const clockNow = 8e15
    function started(
      build: (p: PipelineBuilder) => unknown,
      options: EngineRunOptions = {},
      maxFailureRate = 1,
    ) {
      const clock = new VirtualClock(clockNow)
      const graph = pipeline('p', { maxFailureRate }, p => void build(p)).graph
      return { run: new EngineRun(graph, { mode, clock, ...options }).start(), clock }
    }
    const ids = (run: EngineRun, name = 'out') => valuesIn(run, name).map(({ id }) => id)

    it('[7.1] a record that fails goes to a durable topic as it was read, with what happened in its headers', () => {
      const { run } = started(p =>
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
      const { run } = started(p => p.from(hits).map(refuse).to(out), {}, 0.5)
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
      const { run } = started(p => p.from(hits).map(refuseOdd).to(out), {}, 0.5)
      run.append(
        'hits',
        0,
        Array.from({ length: 500 }, (_, i) => at(i, { id: i })),
      )
      run.drain()
      assert.equal(run.sideRecords('failed').length, 250)
    })

    it('[7.2] a back-off parks the task: nothing goes past it, nothing of it is committed', () => {
      const fn = flaky([2], 2)
      const { run, clock } = started(p => p.from(hits).map(fn, { retry: backoff }).to(out))
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 }), at(3, { id: 3 })])
      run.drain()
      assert.ok(run.task('hits/0').isParked)
      assert.deepEqual(ids(run), [], 'a parked task is not cut')
      clock.advance(999)
      run.drain()
      assert.deepEqual(ids(run), [])
      clock.advance(1)
      run.drain()
      assert.ok(run.task('hits/0').isParked, 'the second attempt failed')
      clock.advance(1_000)
      run.drain()
      assert.deepEqual(ids(run), [1, 2, 3])
    })

    it('[7.2] when the attempts are used up the record fails and the next one goes on', () => {
      const fn = flaky([2], 99)
      const { run, clock } = started(p => p.from(hits).map(fn, { retry: backoff }).to(out))
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 }), at(3, { id: 3 })])
      for (let i = 0; i < 4; i++) {
        run.drain()
        clock.advance(1_000)
      }
      assert.deepEqual(ids(run), [1, 3])
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
      const { run, clock } = started(build)
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 })])
      for (let i = 0; i < 12; i++) {
        run.drain()
        clock.advance(1_000)
      }
      assert.deepEqual(ids(run), [1, -1, 10, -10, 11, -11, 2, -2, 20, -20, 21, -21])
      assert.equal(run.sideRecords('failed').length, 0)
    })

    it('[7.2] each step counts its own attempts', () => {
      const first = flaky([1], 2)
      const second = flaky([1], 2)
      const build = (p: PipelineBuilder) =>
        p.from(hits).map(first, { retry: backoff }).map(second, { retry: backoff }).to(out)
      const { run, clock } = started(build)
      run.append('hits', 0, [at(1, { id: 1 })])
      for (let i = 0; i < 6; i++) {
        run.drain()
        clock.advance(1_000)
      }
      assert.deepEqual(ids(run), [1])
    })

    it('[7.2] a record that had to wait is judged late like any other', () => {
      const fn = flaky([2], 1)
      const { run, clock } = started(p =>
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
      const { run, clock } = started(build)
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
      const { run, clock } = started(p =>
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

    it('[7.2] a result too large for its topic is a failed record, and the task goes on', () => {
      const { run } = started(
        p =>
          p
            .from(hits)
            .map(v => ({ id: v.id, text: 'x'.repeat(v.id) }))
            .to(out),
        { recordBytesMax: 200 },
      )
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 500 }), at(3, { id: 3 })])
      run.drain()
      assert.deepEqual(ids(run), [1, 3])
      assert.deepEqual(
        run.sideRecords('failed').map(({ headers }) => headers['millrace.reason']),
        ['too-large'],
      )
    })

    it('[7.1] late records may have a window of their own, and those that are late there too are told', () => {
      const { run } = started(p => {
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
      const { run } = started(p =>
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
      const { run } = started(p => {
        const source = p.from(hits)
        source.map(v => promised(v)).to(out)
        source.filter(v => promised(v.id > 0)).to(out)
        source.byKey().aggregate('sums', { total: sum<Hit>(v => promised(v.id)) })
      })
      run.append('hits', 0, [at(1, { id: 1 })])
      run.drain()
      assert.deepEqual(ids(run), [])
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

    it('[7.5] forEach calls at most `concurrency` at once, in order, and a commit waits for them', async () => {
      const begun: number[] = []
      const ends: (() => void)[] = []
      const fn = (v: Hit) => {
        begun.push(v.id)
        return new Promise<void>(resolve => ends.push(resolve))
      }
      const { run } = started(p => p.from(hits).forEach(fn, { concurrency: 2 }))
      run.append(
        'hits',
        0,
        [1, 2, 3, 4].map(id => at(id, { id })),
      )
      run.drain()
      assert.deepEqual(begun, [1, 2])
      await settle()
      const task = run.task('hits/0')
      assert.deepEqual(begun, [1, 2])
      assert.ok(!task.effects.isIdle)
      assert.equal(task.inputs[0]!.committedOffset, -1)
      while (!task.effects.isIdle) {
        assert.ok(ends.length > 0)
        ends.shift()!()
        await settle()
      }
      assert.deepEqual(begun, [1, 2, 3, 4])
      assert.ok(run.wakes > 0)
      run.commit()
      assert.equal(task.inputs[0]!.committedOffset, 4)
    })

    it('[7.5] a call that takes too long fails as the record it was, after its retries', async () => {
      const calls: number[] = []
      const never = (v: Hit) => {
        calls.push(v.id)
        return v.id === 1 ? new Promise<void>(() => {}) : undefined
      }
      const { run, clock } = started(p =>
        p.from(hits).forEach('call', never, { timeout: '5s', retry: { retries: 1, backoff: '1s' } }),
      )
      run.append('hits', 0, [at(1, '{"id":1, "more":"kept"}'), at(2, { id: 2 }), at(3, { id: 3 })])
      run.drain()
      for (const ms of [5_000, 1_000, 5_000, 0]) {
        clock.advance(ms)
        await settle()
      }
      assert.ok(run.task('hits/0').effects.isIdle)
      run.commit()
      assert.deepEqual(calls, [1, 1, 2, 3])
      const [failed] = run.sideRecords('failed')
      assert.equal(failed!.value!.toString(), '{"id":1, "more":"kept"}')
      assert.deepEqual(
        ['millrace.step', 'millrace.offset', 'millrace.attempt'].map(name => failed!.headers[name]),
        ['call', '0', '1'],
      )
    })

    it('[7.5] the wired failures of forEach are the records whose calls failed, whole', async () => {
      const refuse = async (v: Hit) => {
        if (v.id !== 2) throw new Error('no')
      }
      const { run } = started(p => p.from(hits).forEach(refuse, { concurrency: 3 }).failed.to(other))
      run.append(
        'hits',
        0,
        [1, 2, 3].map(id => at(id, { id, more: `m${id}` }, `k${id}`)),
      )
      run.drain()
      await settle()
      run.commit()
      assert.deepEqual(
        run.topics.records('other').map(({ key, value }) => [key!.toString(), JSON.parse(value!.toString())]),
        [
          ['k1', { id: 1, more: 'm1' }],
          ['k3', { id: 3, more: 'm3' }],
        ],
      )
    })

    it('[7.6] bytes in a repartition topic that Millrace cannot have written stop the task', () => {
      const { run } = started(p =>
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
