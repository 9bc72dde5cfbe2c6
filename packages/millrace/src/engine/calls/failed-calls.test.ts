import assert from 'node:assert/strict'
import { it } from 'node:test'
import { describeModes } from '../../testing/testkit/modes.ts'
import { CallDesk, promisesRun } from '../testkit/call-desk.ts'
import type { EngineRun } from '../testkit/engine-run.ts'
import { type Hit, hits, idsIn, other, out, started } from '../testkit/hits.ts'
import { at } from '../testkit/story.ts'

const keyed = (key: string | null, ...ids: number[]) => ids.map(id => at(id, { id }, key))

/** The ids of the records whose calls a commit found under way. */
function _stored(run: EngineRun): number {
  const live = new Set<string>()
  for (const { key, value } of run.topics.records(run.changelogOf('ask'))) {
    if (key![0] === 0xff) continue
    if (value === null) live.delete(key!.toString('hex'))
    else live.add(key!.toString('hex'))
  }
  return live.size
}

describeModes('calls of asyncMap that fail', mode => {
  it('[7.4] tries again with growing back-offs what is worth it; the record of a call that fails is as it was read', async () => {
    const tried: string[] = []
    const { run, clock } = started(mode, p =>
      p.from(hits).asyncMap(
        'ask',
        (v, { attempt }) => {
          tried.push(`${v.id}.${attempt}`)
          throw new Error(v.id === 1 ? 'busy' : 'wrong')
        },
        {
          retry: {
            retries: 4,
            backoff: '1s',
            maxBackoff: '3s',
            when: error => (error as Error).message === 'busy',
          },
        },
      ),
    )
    run.append('hits', 0, [at(1, '{"id":1, "more":"kept"}'), at(2, { id: 2 })])
    run.drain()
    await promisesRun()
    assert.deepEqual(tried, ['1.0', '2.0'])
    const waits = [999, 1, 1_999, 1, 2_999, 1, 2_999, 1]
    for (const [i, ms] of waits.entries()) {
      clock.advance(ms)
      await promisesRun()
      assert.equal(tried.length, 2 + Math.floor((i + 1) / 2), `after ${waits.slice(0, i + 1)}`)
    }
    run.drain()
    const failed = run.sideRecords('failed')
    assert.deepEqual(
      failed.map(({ value, headers }) => [
        value!.toString(),
        headers['millrace.step'],
        headers['millrace.offset'],
        headers['millrace.attempt'],
        headers['millrace.error'],
      ]),
      [
        ['{"id":1, "more":"kept"}', 'ask', '0', '4', 'Error: busy'],
        ['{"id":2}', 'ask', '1', '0', 'Error: wrong'],
      ],
    )
    assert.deepEqual(run.task('hits/0').calls.steps[0]!.counters, { calls: 6, retries: 4, failures: 2 })
  })

  it('[7.4] a call that takes too long is aborted and has failed, and what it gives later is of no use', async () => {
    const signals: AbortSignal[] = []
    const desk = new CallDesk<Hit>()
    const { run, clock } = started(mode, p =>
      p
        .from(hits)
        .asyncMap(
          'ask',
          (v, { signal }) => {
            signals.push(signal)
            return desk.ask(v.id, v)
          },
          { timeout: '2s' },
        )
        .to(out),
    )
    run.append('hits', 0, keyed('k', 1))
    run.drain()
    clock.advance(1_999)
    assert.equal(signals[0]!.aborted, false)
    clock.advance(1)
    assert.equal(signals[0]!.reason.name, 'TimeoutError')
    await desk.settle(desk.open[0])
    run.drain()
    assert.deepEqual(idsIn(run), [])
    assert.deepEqual(
      run.sideRecords('failed').map(({ headers }) => headers['millrace.reason']),
      ['timeout'],
    )
  })

  it('[5.7] [7.4] a result of undefined fails and is not asked for again; null goes on', async () => {
    let asked = 0
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap(
          'ask',
          async v => {
            asked++
            return v.id === 1 ? undefined : null
          },
          { retry: { retries: 3, backoff: 0 } },
        )
        .to(out),
    )
    run.append('hits', 0, keyed('k', 1, 2))
    run.drain()
    await promisesRun()
    run.drain()
    assert.equal(asked, 2)
    assert.deepEqual(
      run.sideRecords('failed').map(({ headers }) => headers['millrace.reason']),
      ['undefined'],
    )
    assert.deepEqual(
      run.topics.records('out').map(({ value }) => value),
      [null],
    )
  })

  it('[7.4] .failed takes the records whose calls failed, whole, with or without a key', async () => {
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap('ask', () => Promise.reject(new Error('no')))
        .failed.to(other),
    )
    run.append('hits', 0, [at(1, { id: 1, more: 'm' }, 'a'), at(2, { id: 2 }, null)])
    run.drain()
    await promisesRun()
    run.drain()
    assert.deepEqual(
      run.topics.records('other').map(({ key, value }) => [key?.toString(), JSON.parse(value!.toString())]),
      [
        ['a', { id: 1, more: 'm' }],
        [undefined, { id: 2 }],
      ],
    )
  })

  it('[7.1] [7.4] stops the task when most of its calls fail', async () => {
    const { run } = started(
      mode,
      p => p.from(hits).asyncMap('ask', () => Promise.reject(new Error('down')), { concurrency: 64 }),
      {},
      0.5,
    )
    run.append('hits', 0, keyed('k', ...Array.from({ length: 200 }, (_, i) => i)))
    run.drain()
    await promisesRun()
    assert.throws(() => run.drain(), {
      name: 'TaskStopped',
      message: /Most of the last 100 .*"ask": Error: down/,
    })
  })

  it('[7.4] a record too large to be kept while its call is under way fails, and the task goes on', async () => {
    const { run } = started(mode, p =>
      p
        .from(hits)
        .asyncMap('ask', async v => v)
        .to(out),
    )
    run.append('hits', 0, [at(1, { id: 1, more: 'x'.repeat(750_000) })])
    run.append('hits', 0, [at(2, { id: 2 })])
    run.drain()
    await promisesRun()
    run.drain()
    assert.deepEqual(idsIn(run), [2])
    assert.deepEqual(
      run.sideRecords('failed').map(({ headers }) => headers['millrace.reason']),
      ['too-large'],
    )
  })
})
