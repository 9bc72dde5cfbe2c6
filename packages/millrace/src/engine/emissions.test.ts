import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../std/clock.ts'
import { count, sum } from '../stream/aggregates.ts'
import { every } from '../stream/emission.ts'
import { cron } from '../window/cron.ts'
import { session } from '../window/session.ts'
import { tumbling } from '../window/tumbling.ts'
import { hits, other, out, started } from './testkit/hits.ts'
import { at, rowsIn, storyStart, valuesIn } from './testkit/story.ts'

const hourly = cron('0 * * * *')

for (const mode of ['compiled', 'interpreted'] as const) {
  describe(`emissions, ${mode}`, () => {
    it('[5.8] final rows carry key, start and end at end − 1; updates their window in the key, at the largest time', () => {
      const { run } = started(mode, p => {
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
      const { run } = started(mode, p =>
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
      const { run, clock } = started(mode, p =>
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

    it('[5.8] every(cron()) gives changed rows at the times of its schedule, and makes up for one that was missed, once', () => {
      const clock = new VirtualClock(storyStart + 60_000)
      const { run } = started(
        mode,
        p => p.from(hits).byKey().aggregate('n', { n: count() }).emit(every(hourly)).to(out),
        { clock },
      )
      const tickAt = (ms: number) => {
        clock.advance(ms - clock.now())
        for (const task of run.tasks.values()) task.fireTicks()
        run.drain()
        return valuesIn(run, 'out').map(({ n }) => n)
      }
      const next = () => Math.min(...[...run.tasks.values()].map(task => task.nextTickMs))
      const hourMs = 3_600_000
      const hour = Math.ceil(clock.now() / hourMs) * hourMs + hourMs
      tickAt(hour + 1)
      assert.equal(next(), Number.POSITIVE_INFINITY, 'nothing waits')
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 })])
      run.drain()
      assert.equal(next(), hour + hourMs)
      assert.deepEqual(tickAt(hour + hourMs - 1), [])
      assert.deepEqual(tickAt(hour + hourMs), [2])

      tickAt(hour + 2.5 * hourMs)
      run.append('hits', 0, [at(3, { id: 3 })])
      run.drain()
      assert.equal(next(), hour + 3 * hourMs, 'a time at which nothing waited is none to make up for')
      run.crash([...run.tasks.values()])
      assert.equal(next(), hour + 3 * hourMs)
      run.crash([...run.tasks.values()])
      assert.deepEqual(tickAt(hour + 5.5 * hourMs), [2, 3], 'it ran again behind three times of the schedule')
      run.append('hits', 0, [at(4, { id: 4 })])
      run.drain()
      assert.deepEqual(tickAt(hour + 6 * hourMs - 1), [2, 3])
      assert.deepEqual(tickAt(hour + 6 * hourMs), [2, 3, 4])
    })

    it('[5.8] every(cron()) of sessions waits from the first changed one', () => {
      const clock = new VirtualClock(storyStart + 60_000)
      const { run } = started(
        mode,
        p =>
          p
            .from(hits)
            .byKey()
            .window(session('1h'))
            .aggregate('n', { n: count() })
            .emit(every(hourly))
            .to(out),
        { clock },
      )
      run.append('hits', 0, [at(1, { id: 1 }), at(2, { id: 2 })])
      run.drain()
      const [task] = [...run.tasks.values()].filter(each => each.nextTickMs < Number.POSITIVE_INFINITY)
      assert.equal(task!.nextTickMs, (Math.floor(clock.now() / 3_600_000) + 1) * 3_600_000)
      clock.advance(task!.nextTickMs - clock.now())
      task!.fireTicks()
      run.drain()
      assert.deepEqual(
        valuesIn(run, 'out').map(({ n }) => n),
        [2],
      )
    })

    it('[3.7] the first rows of a window with allowed lateness go out once, over several slices and a loss in their middle', () => {
      const { run } = started(
        mode,
        p =>
          p
            .from(hits, { idle: 'never' })
            .byKey()
            .window(tumbling('1m'))
            .aggregate('n', { n: count() })
            .emit('final', { allowedLateness: '1m' })
            .to(out),
        { slice: { rows: 2, closes: 10 } },
      )
      const keys = ['a', 'b', 'c', 'd', 'e']
      run.append(
        'hits',
        0,
        keys.map(key => at(1, { id: 1 }, key)),
      )
      run.drain()
      run.append('hits', 0, [at(60, { id: 2 }, 'a'), at(2, { id: 3 }, 'e')])
      const [task] = [...run.tasks.values()].filter(({ inputs }) => inputs[0]!.position === 5)
      run.poll(task!.inputs[0]!)
      while (!task!.isClosing && run.step(task!));
      assert.ok(task!.isClosing, 'the first slice did not end the window')
      run.commit()
      assert.equal(valuesIn(run, 'out').length, 2)
      run.step(task!)
      run.crash([task!])
      run.drain()
      assert.deepEqual(
        valuesIn(run, 'out').map(({ key, n }) => `${key}=${n}`),
        ['a=1', 'b=1', 'c=1', 'd=1', 'e=1', 'e=2'],
      )
    })

    it('[3.7] many windows that close at once share a slice', () => {
      const { run } = started(
        mode,
        p =>
          p
            .from(hits, { idle: 'never', outOfOrder: '10m' })
            .byKey()
            .window(tumbling('1s'))
            .aggregate('n', { n: count() })
            .emit('final')
            .to(out),
        { slice: { rows: 4, closes: 100 } },
      )
      const seconds = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
      run.append(
        'hits',
        0,
        seconds.map((second, i) => at(second, { id: i }, `k${i % 2}`)),
      )
      run.drain()
      run.append('hits', 0, [at(3_000, { id: 0 }, 'k0')])
      const [task] = [...run.tasks.values()].filter(({ inputs }) => inputs[0]!.position > 0)
      run.poll(task!.inputs[0]!)
      for (const rows of [4, 8]) {
        run.step(task!)
        assert.ok(task!.isClosing)
        run.commit()
        assert.equal(valuesIn(run, 'out').length, rows)
      }
      run.drain()
      assert.equal(valuesIn(run, 'out').length, 10)
    })

    for (const time of ['event', 'wall'] as const) {
      it(`[3.7] [5.8] a tick of every() by ${time} time over several slices and a loss in its middle gives each row once`, () => {
        const { run, clock } = started(
          mode,
          p =>
            p
              .from(hits, { idle: 'never', outOfOrder: '1m' })
              .byKey()
              .aggregate('n', { n: count() })
              .emit(time === 'event' ? every('10s', { time: 'event' }) : every('10s'))
              .to(out),
          { slice: { rows: 2, closes: 10 } },
        )
        const step = () => {
          const [task] = [...run.tasks.values()].filter(({ inputs }) => inputs[0]!.position > 0)
          if (task!.isClosing) run.step(task!)
          else if (time === 'wall') task!.fireTicks()
          else {
            run.poll(task!.inputs[0]!)
            run.step(task!)
          }
          return task!
        }
        const told = () => valuesIn(run, 'out').map(({ n }) => n)
        const keys = ['a', 'b', 'c', 'd']
        run.append(
          'hits',
          0,
          keys.map(key => at(71, { id: 1 }, key)),
        )
        run.drain()
        assert.deepEqual(told(), [])
        // Its own row is the last of the tick, and far ahead of it.
        run.append('hits', 0, [at(200, { id: 2 }, 'e')])
        if (time === 'wall') run.drain()
        clock.advance(10_000)
        for (const rows of [2, 4]) {
          const task = step()
          assert.ok(time === 'wall' || task.isClosing)
          run.commit()
          assert.deepEqual(told(), new Array(rows).fill(1))
        }
        const lost = step()
        run.crash([lost])
        step()
        run.commit()
        assert.deepEqual(told(), new Array(5).fill(1))
        run.append('hits', 0, [at(201, { id: 3 }, 'a')])
        clock.advance(10_000)
        run.drain()
        const again = step()
        run.commit()
        assert.deepEqual(told(), [...new Array(5).fill(1), ...(time === 'wall' ? [2] : [])])
        assert.equal(again.isClosing, false)
      })
    }

    it('[5.8] every() by event time gives changed rows at multiples of the watermark', () => {
      const { run } = started(mode, p =>
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
      const { run } = started(mode, p =>
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
  })
}
