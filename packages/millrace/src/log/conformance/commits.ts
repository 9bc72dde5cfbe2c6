import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { batchInfo } from '../../record/batch.ts'
import { type CommitError, type Log, LogError } from '../log.ts'
import { commitOf, joinGroup, position, type TestMember } from './member.ts'
import {
  AT_ONCE,
  at,
  type ConformanceStore,
  type Context,
  eventually,
  outgoing,
  rejectsWith,
  test,
  valuesIn,
} from './store.ts'

export function commitSuite(context: Context): void {
  /** A log with `t` (2 partitions) and `out` (1), and a member that has all of `t`. */
  async function begin(store: ConformanceStore): Promise<{ log: Log; member: TestMember }> {
    const log = await store.open()
    await log.createTopics([
      { name: 't', partitions: 2 },
      { name: 'out', partitions: 1 },
    ])
    const member = await joinGroup(context, log)
    await eventually(context, store, 'both partitions are assigned', () => member.owned().length === 2)
    return { log, member }
  }
  const offsetsOf = async (log: Log) => {
    const asked = [0, 1].map(partition => ({ topic: 't', partition }))
    const found = await log.committed('g', asked)
    return found.sort((a, b) => a.partition - b.partition).map(({ partition, offset }) => [partition, offset])
  }

  describe('commits', () => {
    test(context, '[2.1] make outputs and positions visible together', async store => {
      const { log, member } = await begin(store)
      const result = await log.commit(
        commitOf(member.identity(), {
          batches: [outgoing('out', 0, 'a', 'b'), outgoing('out', 0, 'c')],
          positions: [position(0, -1, 5), position(1, -1, 7)],
        }),
      )
      assert.deepEqual(result.baseOffsets, [0, 2])
      assert.deepEqual(await valuesIn(log, 'out'), ['a', 'b', 'c'])
      assert.deepEqual(await offsetsOf(log), [
        [0, 5],
        [1, 7],
      ])
    })

    test(
      context,
      '[2.1] keep what they held when its memory is written over after it was given back',
      async store => {
        const { log, member } = await begin(store)
        const given: string[] = []
        const lent = (...values: string[]) => {
          const batch = outgoing('out', 0, ...values)
          const release = () => {
            given.push(values[0]!)
            batch.bytes.fill(0xff)
          }
          return { ...batch, release }
        }
        for (const [i, atLeastOnce] of [undefined, { outputs: 1 }].entries()) {
          const commit = commitOf(member.identity(), {
            batches: [lent(`a${i}`, `b${i}`), lent(`c${i}`)],
            positions: [position(0, i - 1, i)],
          })
          await log.commit({ ...commit, ...(atLeastOnce && { atLeastOnce }) })
        }
        assert.deepEqual(await valuesIn(log, 'out'), ['a0', 'b0', 'c0', 'a1', 'b1', 'c1'])
        // All of it or nothing, and once.
        if (given.length > 0) assert.deepEqual(given, ['a0', 'c0', 'a1', 'c1'])
      },
    )

    test(context, '[9.1] what commit resolved for is there after a restart', async store => {
      const { log, member } = await begin(store)
      await log.commit(
        commitOf(member.identity(), { batches: [outgoing('out', 0, 'a')], positions: [position(0, -1, 5)] }),
      )
      await store.restart()
      const after = await store.open()
      assert.deepEqual(await valuesIn(after, 'out'), ['a'])
      assert.deepEqual(await offsetsOf(after), [[0, 5]])
    })

    test(context, '[2.1] wake a reader that waits for the output', async store => {
      const { log, member } = await begin(store)
      const reader = await store.open()
      let records = 0
      void reader.fetch([at('out', 0, 0)], { ...AT_ONCE, maxWaitMs: 60_000 }).then(([found]) => {
        // Beside it there may be batches without records, which only move the position.
        records = found!.batches.reduce((sum, batch) => sum + batchInfo(batch).recordCount, 0)
      })
      await store.advance(context.stepMs)
      await log.commit(commitOf(member.identity(), { batches: [outgoing('out', 0, 'a')] }))
      await eventually(context, store, 'the reader wakes', () => records === 1)
    })

    test(context, '[2.1] happen not at all when one batch cannot be written', async store => {
      const { log, member } = await begin(store)
      const commit = commitOf(member.identity(), {
        batches: [outgoing('out', 0, 'a'), outgoing('absent', 0, 'b')],
        positions: [position(0, -1, 5)],
      })
      await assert.rejects(log.commit(commit), error =>
        error instanceof LogError ? !error.retriable : (error as CommitError).outcome === 'aborted',
      )
      assert.deepEqual(await valuesIn(log, 'out'), [])
      assert.deepEqual(await offsetsOf(log), [])
    })

    test(
      context,
      '[2.1] happen not at all when one previous offset does not match',
      async store => {
        const { log, member } = await begin(store)
        await log.commit(commitOf(member.identity(), { positions: [position(0, -1, 5)] }))
        for (const wrong of [position(0, -1, 6), position(0, 4, 6), position(0, 6, 7)]) {
          const commit = commitOf(member.identity(), {
            batches: [outgoing('out', 0, 'a')],
            positions: [position(1, -1, 1), wrong],
          })
          await rejectsWith(log.commit(commit), { name: 'CommitError', outcome: 'aborted' })
        }
        assert.deepEqual(await valuesIn(log, 'out'), [])
        assert.deepEqual(await offsetsOf(log), [[0, 5]])
        await log.commit(commitOf(member.identity(), { positions: [position(0, 5, 6)] }))
      },
      ['previous-offset'],
    )

    test(context, '[2.1] keep the metadata of a position byte for byte', async store => {
      const { log, member } = await begin(store)
      const metadata = Buffer.from(Array.from({ length: 3072 }, (_, i) => i & 255))
      const expected = new Uint8Array(metadata)
      await log.commit(commitOf(member.identity(), { positions: [position(0, -1, 5, metadata)] }))
      metadata.fill(0)
      const [found] = await log.committed('g', [{ topic: 't', partition: 0 }])
      assert.deepEqual(Uint8Array.from(found!.metadata), expected)
      await log.commit(commitOf(member.identity(), { positions: [position(0, 5, 5, Uint8Array.of(1))] }))
      const [again] = await log.committed('g', [{ topic: 't', partition: 0 }])
      assert.deepEqual([...again!.metadata], [1])
    })

    test(
      context,
      '[2.1] keep the metadata of a position whatever its size, and that of each commit',
      async store => {
        const { log, member } = await begin(store)
        const other = await store.open()
        const sizes = [2304, 2305, 100_000, 300_000, 1, 70_000, 70_000]
        sizes.push(...sizes)
        for (const [i, size] of sizes.entries()) {
          const metadata = [0, 1].map(n => new Uint8Array(size).fill(250 + i + n))
          const expected = metadata.map(bytes => Uint8Array.from(bytes))
          const { baseOffsets } = await log.commit(
            commitOf(member.identity(), {
              batches: [outgoing('out', 0, 'a'), outgoing('out', 0, 'b')],
              positions: [position(0, i - 1, i, metadata[0]), position(1, i - 1, i, metadata[1])],
              ...(i >= 7 && { atLeastOnce: { outputs: 1 } }),
            }),
          )
          assert.equal(baseOffsets.length, 2)
          for (const bytes of metadata) bytes.fill(0)
          const found = await other.committed('g', [at('t', 0, 0), at('t', 1, 0)])
          const shown = (await other.describeGroup('g'))!.positions
          for (const positions of [found, shown])
            for (const each of positions) {
              assert.equal(each.offset, i)
              assert.ok(Buffer.compare(each.metadata, expected[each.partition]!) === 0, `${size} bytes`)
            }
          assert.equal(found.length + shown.length, 4)
        }
        assert.deepEqual(
          await valuesIn(log, 'out'),
          sizes.flatMap(() => ['a', 'b']),
        )
      },
    )

    test(context, 'may hold positions alone, outputs alone, or nothing', async store => {
      const { log, member } = await begin(store)
      assert.deepEqual((await log.commit(commitOf(member.identity(), {}))).baseOffsets, [])
      await log.commit(commitOf(member.identity(), { batches: [outgoing('out', 0, 'a')] }))
      await log.commit(commitOf(member.identity(), { positions: [position(0, -1, 0)] }))
      assert.deepEqual(await valuesIn(log, 'out'), ['a'])
      assert.deepEqual(await offsetsOf(log), [[0, 0]])
    })

    test(context, '[2.2] of somebody who is no member are refused', async store => {
      const { log, member } = await begin(store)
      const strangers = [
        { ...member.identity(), memberId: 'nobody' },
        { ...member.identity(), group: 'another' },
        { ...member.identity(), generation: member.identity().generation - 1 },
        { ...member.identity(), generation: member.identity().generation + 1 },
        { ...member.identity(), generation: -1 },
      ]
      for (const identity of strangers) {
        const commit = commitOf(identity, {
          batches: [outgoing('out', 0, 'a')],
          positions: [position(0, -1, 1)],
        })
        await rejectsWith(log.commit(commit), { name: 'CommitError', outcome: 'fenced' })
      }
      assert.deepEqual(await valuesIn(log, 'out'), [])
      assert.deepEqual(await offsetsOf(log), [])
    })

    test(context, '[2.2] of a member that left are refused', async store => {
      const { log, member } = await begin(store)
      const identity = member.identity()
      await member.membership.leave()
      await rejectsWith(log.commit(commitOf(identity, { positions: [position(0, -1, 1)] })), {
        outcome: 'fenced',
      })
    })

    test(context, '[2.2] after a restart under the identity from before are refused', async store => {
      const { member } = await begin(store)
      const identity = member.identity()
      await store.restart()
      const log = await store.open()
      await store.advance(context.sessionTimeoutMs * 2)
      const next = await joinGroup(context, log)
      await eventually(context, store, 'the new member has everything', () => next.owned().length === 2)
      await rejectsWith(log.commit(commitOf(identity, { positions: [position(0, -1, 1)] })), {
        outcome: 'fenced',
      })
      await log.commit(commitOf(next.identity(), { positions: [position(0, -1, 1)] }))
    })
  })
}
