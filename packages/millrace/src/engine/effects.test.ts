import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Hit, hits, other, started } from './testkit/hits.ts'
import { at } from './testkit/story.ts'

/** Lets promises that are settled run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

for (const mode of ['compiled', 'interpreted'] as const) {
  describe(`calls of forEach, ${mode}`, () => {
    it('[7.5] forEach calls at most `concurrency` at once, in order, and a commit waits for them', async () => {
      const begun: number[] = []
      const ends: (() => void)[] = []
      const fn = (v: Hit) => {
        begun.push(v.id)
        return new Promise<void>(resolve => ends.push(resolve))
      }
      const { run } = started(mode, p => p.from(hits).forEach(fn, { concurrency: 2 }))
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
      const { run, clock } = started(mode, p =>
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
      const { run } = started(mode, p => p.from(hits).forEach(refuse, { concurrency: 3 }).failed.to(other))
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
  })
}
