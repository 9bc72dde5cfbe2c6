import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { AsyncCall } from '../../plan/async-call.ts'
import { out as result } from '../../plan/out.ts'
import { count } from '../../stream/aggregates.ts'
import { describeModes } from '../../testing/testkit/modes.ts'
import { tumbling } from '../../window/tumbling.ts'
import { CallDesk, promisesRun } from '../testkit/call-desk.ts'
import type { EngineRun } from '../testkit/engine-run.ts'
import { type Hit, hits, idsIn, out, started } from '../testkit/hits.ts'
import { at, rowsIn, storyStart } from '../testkit/story.ts'

const keyed = (key: string | null, ...ids: number[]) => ids.map(id => at(id, { id }, key))

/** The ids of the records whose calls a commit found under way. */
function stored(run: EngineRun): number {
  const live = new Set<string>()
  for (const { key, value } of run.topics.records(run.changelogOf('ask'))) {
    if (key![0] === 0xff) continue
    if (value === null) live.delete(key!.toString('hex'))
    else live.add(key!.toString('hex'))
  }
  return live.size
}

describeModes('asyncMap', mode => {
  it('[7.4] makes `concurrency` calls at once, in order, and stops reading when four times as many records wait', async () => {
    const desk = new CallDesk<Hit>()
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap('ask', v => desk.ask(v.id, v), { concurrency: 2 })
        .to(out),
    )
    for (let id = 1; id <= 20; id++) run.append('hits', 0, [at(id, { id })])
    run.drain()
    const task = run.task('hits/0')
    assert.deepEqual(desk.made, [1, 2])
    assert.deepEqual([task.inputs[0]!.position, task.isFull], [8, true])
    await desk.settle(desk.open[0])
    assert.deepEqual(desk.made, [1, 2, 3])
    assert.ok(run.wakes > 0)
    run.drain()
    assert.deepEqual([idsIn(run), task.inputs[0]!.position], [[1], 9])
    while (desk.open.length > 0) {
      await desk.settle(desk.open.at(-1))
      run.drain()
    }
    assert.deepEqual(idsIn(run), desk.made)
    assert.equal(desk.made.length, 20)
    assert.ok(task.calls.isIdle)
  })

  it('[7.4] a commit waits for no call, and a result leaves in the commit that deletes its record', async () => {
    const desk = new CallDesk<Hit>()
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap('ask', v => desk.ask(v.id, v))
        .to(out),
    )
    run.append('hits', 0, keyed('k', 1, 2, 3))
    run.drain()
    assert.deepEqual([run.task('hits/0').inputs[0]!.committedOffset, stored(run), idsIn(run)], [3, 3, []])
    await desk.settle(desk.open[0])
    assert.equal(stored(run), 3)
    run.drain()
    assert.deepEqual([stored(run), idsIn(run)], [2, [1]])
    // What was given on and not committed is given on again.
    await desk.settle(desk.open[0])
    while (run.step(run.task('hits/0')));
    run.crash([run.task('hits/0')])
    run.drain()
    assert.deepEqual(desk.made, [1, 2, 3, 2, 3])
    for (const call of [...desk.open]) await desk.settle(call)
    run.drain()
    assert.deepEqual([stored(run), idsIn(run)], [0, [1, 2, 3]])
  })

  it('[7.4] keeps records under keys of any length', async () => {
    const desk = new CallDesk<Hit>()
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap('ask', v => desk.ask(v.id, v))
        .to(out),
    )
    const lengths = [1, 248, 249, 5_000, 3]
    for (const [id, length] of lengths.entries()) run.append('hits', 0, keyed('k'.repeat(length), id))
    run.drain()
    run.crash([...run.tasks.values()])
    desk.open.splice(0)
    run.drain()
    for (const call of [...desk.open]) await desk.settle(call)
    run.drain()
    const written = run.topics.records('out').map(({ key }) => key!.length)
    assert.deepEqual([idsIn(run), written, stored(run)], [[0, 1, 2, 3, 4], lengths, 0])
  })

  it('[7.4] writes nothing of a record that comes and goes between two commits', async () => {
    const desk = new CallDesk<Hit>()
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap('ask', v => desk.ask(v.id, v))
        .to(out),
    )
    run.append('hits', 0, keyed('k', 1))
    const task = run.task('hits/0')
    run.poll(task.inputs[0]!)
    run.step(task)
    await desk.settle(desk.open[0])
    run.drain()
    assert.deepEqual(idsIn(run), [1])
    assert.deepEqual(run.topics.records(run.changelogOf('ask')), [])
  })

  for (const [order, expected] of [
    ['key', [4, 2, 1, 3]],
    ['none', [4, 3, 2, 1]],
  ] as const)
    it(`[7.4] order ${order}: ${order === 'key' ? 'results of one key keep the order of their records' : 'results leave as they come'}`, async () => {
      const desk = new CallDesk<Hit>()
      const { run } = started(mode, p =>
        p
          .from(hits)
          .asyncMap('ask', v => desk.ask(v.id, v), { order })
          .to(out),
      )
      run.append('hits', 0, [...keyed('a', 1), ...keyed('b', 2), ...keyed('a', 3), ...keyed(null, 4)])
      run.drain()
      for (const id of [4, 3, 2, 1]) {
        await desk.settle(desk.open.find(call => call.id === id))
        run.drain()
      }
      assert.deepEqual(idsIn(run), expected)
    })

  it('[7.4] gives the callback what belongs to its call, also after a restart', async () => {
    const seen: unknown[] = []
    const desk = new CallDesk<Hit>()
    const { run } = started(mode, p =>
      p.from(hits).asyncMap('ask', (v, { signal, headers, ...call }) => {
        seen.push([
          v,
          headers.map(({ name, value }) => `${name}=${Buffer.from(value)}`),
          signal.aborted,
          call,
        ])
        return desk.ask(v.id, v)
      }),
    )
    const header = { name: 'trace', value: Buffer.from('t1') }
    run.append('hits', 0, [{ ...at(5, { id: 7, more: 'm' }, 'b'), headers: [header] }])
    run.drain()
    run.crash([run.task('hits/0')])
    run.drain()
    const call = {
      key: 'b',
      timestamp: storyStart + 5_000,
      topic: 'hits',
      partition: 0,
      offset: 0,
      attempt: 0,
    }
    const first = [{ id: 7, more: 'm' }, ['trace=t1'], false, call]
    assert.deepEqual(seen, [first, first])
  })

  it('[7.4] out() sets key, headers and time; what is behind sees them', async () => {
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap('ask', async v =>
          result({ id: v.id }, { key: `k${v.id}`, timestamp: storyStart, headers: { h: 'x' } }),
        )
        .map((v, { key, timestamp, headers }) => ({ ...v, key, timestamp, headers: headers.length }))
        .to(out),
    )
    run.append('hits', 0, keyed(null, 1))
    run.drain()
    await promisesRun()
    run.drain()
    const [record] = run.topics.records('out')
    assert.deepEqual(JSON.parse(record!.value!.toString()), {
      id: 1,
      key: 'k1',
      timestamp: storyStart,
      headers: 1,
    })
    assert.deepEqual([record!.key!.toString(), record!.headers], ['k1', { h: 'x' }])
  })

  it('[7.4] a task that has ended leaves no result, aborts its calls and begins no further one', async () => {
    const signals: AbortSignal[] = []
    const desk = new CallDesk<Hit>()
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap(
          'ask',
          (v, { signal }) => {
            signals.push(signal)
            return desk.ask(v.id, v)
          },
          { concurrency: 1 },
        )
        .to(out),
    )
    run.append('hits', 0, keyed('k', 1, 2))
    run.drain()
    const task = run.task('hits/0')
    task.calls.close()
    assert.match(signals[0]!.reason.message, /Task hits\/0 has ended or moved/)
    await desk.settle(desk.open[0])
    assert.equal(task.calls.giveOn(), false)
    assert.deepEqual(desk.made, [1])
  })

  it('[7.4] event time behind it stands where it was when the oldest pending record came: nothing is late for a slow call', async () => {
    const desk = new CallDesk<Hit>()
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap('ask', v => desk.ask(v.id, v), { order: 'none' })
        .keyBy('key', v => v.more ?? 'x')
        .window(tumbling('10s'))
        .aggregate('rows', { n: count() })
        .emit('final')
        .to(out),
    )
    run.append('hits', 0, keyed('k', 1, 12, 45))
    run.drain()
    assert.equal(desk.made.length, 3)
    // The last record alone moves no time on.
    await desk.settle(desk.open[2])
    run.drain()
    assert.deepEqual(rowsIn(run, 'out'), [])
    await desk.settle(desk.open[0])
    run.drain()
    assert.deepEqual(rowsIn(run, 'out'), [])
    await desk.settle(desk.open[0])
    run.drain()
    assert.deepEqual(rowsIn(run, 'out'), ['x@0=1', 'x@10=1'])
    assert.deepEqual(run.sideRecords('late'), [])
  })

  it('[3.4] [7.4] an idle input is not left out behind it while a call is under way', async () => {
    const desk = new CallDesk<Hit>()
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap('ask', v => desk.ask(v.id, v))
        .keyBy('by', () => 'x')
        .window(tumbling('10s'))
        .aggregate('rows', { n: count() }),
    )
    run.append('hits', 0, keyed('k', 1))
    run.drain()
    const task = run.task('hits/0')
    task.time.setReleased(task.inputs[0]!.channel, true)
    run.drain()
    const [channel] = run.task('by.repartition/0').intake.channels
    const isReleased = () => run.task('by.repartition/0').time.isReleased(channel!.channel)
    assert.equal(isReleased(), false)
    await desk.settle(desk.open[0])
    run.drain()
    assert.equal(isReleased(), true)
  })

  it('[7.4] one behind another holds event time back for both', async () => {
    const first = new CallDesk<Hit>()
    const second = new CallDesk<Hit>()
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap('ask', v => first.ask(v.id, v), { order: 'none' })
        .asyncMap('check', v => second.ask(v.id, v), { order: 'none' })
        .keyBy('by', () => 'x')
        .window(tumbling('10s'))
        .aggregate('rows', { n: count() })
        .emit('final')
        .to(out),
    )
    run.append('hits', 0, keyed('k', 1, 12, 45))
    run.endInputs()
    run.drain()
    for (const desk of [first, second])
      while (desk.open.length > 0) {
        assert.deepEqual(rowsIn(run, 'out'), [])
        await desk.settle(desk.open.at(-1))
        run.drain()
      }
    assert.deepEqual(rowsIn(run, 'out'), ['x@0=1', 'x@10=1', 'x@40=1'])
  })
})

describeModes('what an asyncMap callback is given', mode => {
  it('[5.4] [7.4] is frozen in development, also after a restart', async () => {
    const changed: boolean[] = []
    const desk = new CallDesk<Hit>()
    const { run } = started(
      mode,
      p =>
        p.from(hits).asyncMap('ask', (v, _: AsyncCall) => {
          changed.push(Reflect.set(v, 'id', 0))
          return desk.ask(v.id, v)
        }),
      { freeze: true },
    )
    run.append('hits', 0, keyed('k', 1))
    run.drain()
    run.crash([run.task('hits/0')])
    run.drain()
    assert.deepEqual(changed, [false, false])
  })
})
