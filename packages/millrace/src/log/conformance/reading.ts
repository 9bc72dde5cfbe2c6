import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { batchInfo, isPadded } from '../../record/batch.ts'
import { AT } from '../../record/layout.ts'
import type { FetchedPartition } from '../log.ts'
import {
  AT_ONCE,
  at,
  batchOf,
  type Context,
  eventually,
  outgoing,
  readAll,
  rejectsWith,
  test,
  valuesIn,
} from './store.ts'

export function readingSuite(context: Context): void {
  describe('appending and fetching', () => {
    test(context, 'gives consecutive offsets, per partition, in the order of the batches', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      const first = await log.append([
        outgoing('t', 0, 'a', 'b'),
        outgoing('t', 1, 'x'),
        outgoing('t', 0, 'c'),
      ])
      assert.deepEqual(first, [0, 0, 2])
      assert.deepEqual(await log.append([outgoing('t', 1, 'y')]), [1])
      assert.deepEqual(
        (await readAll(log, at('t', 0, 0))).map(({ offset, value }) => [offset, value]),
        [
          [0, 'a'],
          [1, 'b'],
          [2, 'c'],
        ],
      )
      assert.deepEqual(await valuesIn(log, 't', 1), ['x', 'y'])
    })

    test(context, 'keeps keys, values, times and headers byte for byte', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 1 }])
      const headers = [
        { key: 'h', value: Buffer.from([0, 255]) },
        { key: 'null', value: null },
      ]
      const records = [
        { key: null, value: 'v', timestamp: 5, headers },
        { key: '', value: '', timestamp: 4 },
        { key: 'k', value: null, timestamp: 30 * 86_400_000 },
      ]
      const bytes = batchOf(records)
      const expected = Buffer.from(bytes)
      await log.append([{ topic: 't', partition: 0, bytes }])
      const [found] = await log.fetch([at('t', 0, 0)], AT_ONCE)
      assert.deepEqual(Buffer.from(found!.batches[0]!.subarray(AT.records)), expected.subarray(AT.records))
    })

    test(
      context,
      'keeps the header of a batch byte for byte',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1 }])
        const bytes = batchOf(['a', { value: 'b', timestamp: 30 * 86_400_000 }])
        const expected = Buffer.from(bytes)
        await log.append([{ topic: 't', partition: 0, bytes }])
        const [found] = await log.fetch([at('t', 0, 0)], AT_ONCE)
        assert.deepEqual(Buffer.from(found!.batches[0]!), expected)
      },
      ['header'],
    )

    test(
      context,
      'answers for every asked partition, with its bounds and the position asked for',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 3 }])
        await log.append([outgoing('t', 1, 'a', 'b')])
        const answer = await log.fetch([at('t', 0, 0), at('t', 1, 1), at('t', 2, 0)], AT_ONCE)
        const facts = (part: FetchedPartition) => [
          part.partition,
          part.offset,
          part.batches.length,
          part.highWatermark,
          part.logStartOffset,
        ]
        assert.deepEqual(
          answer.map(facts).sort((a, b) => a[0]! - b[0]!),
          [
            [0, 0, 0, 0, 0],
            [1, 1, 1, 2, 0],
            [2, 0, 0, 0, 0],
          ],
        )
      },
    )

    test(context, 'answers each of several positions in one partition with what lies there', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 1 }])
      for (const value of ['a', 'b', 'c']) await log.append([outgoing('t', 0, value)])
      const offsets = [2, 0, 3, 1, 0]
      const answer = await log.fetch(
        offsets.map(offset => at('t', 0, offset)),
        AT_ONCE,
      )
      const found = answer.map(({ offset, batches }) => [
        offset,
        batches[0] && batchInfo(batches[0]).baseOffset,
      ])
      assert.deepEqual(found.sort(), [
        [0, 0],
        [0, 0],
        [1, 1],
        [2, 2],
        [3, undefined],
      ])
    })

    test(context, 'gives the whole batch that holds the position', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 1 }])
      await log.append([outgoing('t', 0, 'a', 'b', 'c'), outgoing('t', 0, 'd')])
      const [found] = await log.fetch([at('t', 0, 2)], AT_ONCE)
      assert.equal(batchInfo(found!.batches[0]!).baseOffset, 0)
      assert.deepEqual(
        (await readAll(log, at('t', 0, 0), 2)).map(record => record.value),
        ['c', 'd'],
      )
    })

    test(context, 'gives batches with 64 readable bytes behind them', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 1 }])
      const tight = Uint8Array.from(batchOf(['a']))
      await log.append([{ topic: 't', partition: 0, bytes: tight }])
      await log.append([outgoing('t', 0, 'b')])
      const [found] = await log.fetch([at('t', 0, 0)], AT_ONCE)
      assert.equal(found!.batches.length, 2)
      assert.ok(found!.batches.every(isPadded))
    })

    test(context, 'stops at the byte limits, but gives one batch whole', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      const big = 'x'.repeat(1000)
      for (let i = 0; i < 3; i++) await log.append([outgoing('t', 0, big), outgoing('t', 1, big)])
      const asked = [at('t', 0, 0), at('t', 1, 0)]
      const counts = async (maxBytes: number, partitionMaxBytes: number) =>
        (await log.fetch(asked, { maxWaitMs: 0, maxBytes, partitionMaxBytes }))
          .map(part => part.batches.length)
          .sort()
      assert.deepEqual(await counts(1 << 20, 2500), [2, 2])
      assert.deepEqual(await counts(1 << 20, 10), [1, 1])
      assert.deepEqual(await counts(10, 1 << 20), [0, 1])
    })

    test(context, 'starves no partition when the byte limit is small', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 3 }])
      for (let partition = 0; partition < 3; partition++) await log.append([outgoing('t', partition, 'a')])
      const seen = new Set<number>()
      const asked = [at('t', 0, 0), at('t', 1, 0), at('t', 2, 0)]
      for (let i = 0; i < 9; i++) {
        const answer = await log.fetch(asked, { maxWaitMs: 0, maxBytes: 10, partitionMaxBytes: 10 })
        for (const part of answer) if (part.batches.length > 0) seen.add(part.partition)
      }
      assert.equal(seen.size, 3)
    })

    test(context, 'reports an offset out of range beside its partition', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      await log.append([outgoing('t', 0, 'a')])
      const answer = await log.fetch([at('t', 0, 2), at('t', 1, 0)], AT_ONCE)
      const part = (partition: number) => answer.find(found => found.partition === partition)!
      assert.equal(part(0).error?.code, 'offset-out-of-range')
      assert.equal(part(1).error, undefined)
    })

    test(
      context,
      'reports an unknown topic beside its partition, and refuses to append to it',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1 }])
        const answer = await log.fetch([at('absent', 0, 0), at('t', 7, 0)], AT_ONCE)
        assert.deepEqual(
          answer.map(part => part.error?.code),
          ['unknown-topic', 'unknown-topic'],
        )
        await rejectsWith(log.append([outgoing('t', 0, 'a'), outgoing('absent', 0, 'b')]), {
          code: 'unknown-topic',
        })
      },
    )

    test(context, 'refuses bytes that are not one whole batch', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 1 }])
      const whole = batchOf(['a'])
      for (const bytes of [new Uint8Array(0), whole.subarray(0, 40), whole.slice(0, whole.length - 1)]) {
        await rejectsWith(log.append([{ topic: 't', partition: 0, bytes }]), { code: 'corrupt' })
      }
      assert.equal((await log.offsets('t'))[0]!.latest, 0)
    })

    test(context, 'waits for the first new record, and wakes when another handle appends it', async store => {
      const [reader, writer] = [await store.open(), await store.open()]
      await reader.createTopics([{ name: 't', partitions: 2 }])
      const waiting = reader.fetch([at('t', 0, 0), at('t', 1, 0)], { ...AT_ONCE, maxWaitMs: 60_000 })
      let answer: FetchedPartition[] | undefined
      void waiting.then(found => {
        answer = found
      })
      await store.advance(context.stepMs)
      assert.equal(answer, undefined)
      await writer.append([outgoing('t', 1, 'news')])
      await eventually(context, store, 'the waiting fetch answers', () => answer !== undefined)
      assert.equal(answer!.find(part => part.partition === 1)!.batches.length, 1)
    })

    test(context, 'answers empty when nothing came in time', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 1 }])
      let answer: FetchedPartition[] | undefined
      void log.fetch([at('t', 0, 0)], { ...AT_ONCE, maxWaitMs: 100 }).then(found => {
        answer = found
      })
      await eventually(context, store, 'the fetch gives up', () => answer !== undefined)
      assert.deepEqual(
        answer!.map(part => [part.batches.length, part.highWatermark]),
        [[0, 0]],
      )
    })

    test(context, 'rejects a waiting fetch with the reason of its signal', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 1 }])
      const controller = new AbortController()
      const reason = new Error('enough')
      const waiting = log.fetch([at('t', 0, 0)], { ...AT_ONCE, maxWaitMs: 60_000, signal: controller.signal })
      const rejected = assert.rejects(waiting, reason)
      await store.advance(context.stepMs)
      controller.abort(reason)
      await rejected
    })

    test(context, 'rejects a waiting fetch, and every later call, when the handle is closed', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 1 }])
      const waiting = rejectsWith(log.fetch([at('t', 0, 0)], { ...AT_ONCE, maxWaitMs: 60_000 }), {
        code: 'closed',
      })
      await store.advance(context.stepMs)
      await log.close()
      await waiting
      await rejectsWith(log.append([outgoing('t', 0, 'a')]), { code: 'closed' })
    })

    test(context, '[9.1] what append resolved for is there after a restart', async store => {
      const before = await store.open()
      await before.createTopics([{ name: 't', partitions: 1 }])
      await before.append([outgoing('t', 0, 'a', 'b')])
      await store.restart()
      const after = await store.open()
      assert.deepEqual(await valuesIn(after, 't'), ['a', 'b'])
      assert.deepEqual(await after.append([outgoing('t', 0, 'c')]), [2])
    })
  })

  describe('offsets', () => {
    test(
      context,
      'by time: the first record at or after it, the latest offset when there is none',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1 }])
        const record = (timestamp: number) => ({ value: 'v', timestamp })
        await log.append([
          outgoing('t', 0, record(1000), record(3000), record(2000)),
          outgoing('t', 0, record(4000)),
        ])
        for (const [time, offset] of [
          [0, 0],
          [1000, 0],
          [1001, 1],
          [3000, 1],
          [3001, 3],
          [4001, 4],
        ] as const) {
          assert.equal(await log.offsetForTime('t', 0, time), offset, `at ${time}`)
        }
      },
    )

    test(
      context,
      'trim drops what lies before, and only that',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1 }])
        for (const value of ['a', 'b', 'c']) await log.append([outgoing('t', 0, value)])
        await log.trim([at('t', 0, 2)])
        await log.trim([at('t', 0, 1)])
        const [bounds] = await log.offsets('t')
        assert.deepEqual([bounds!.earliest, bounds!.latest], [2, 3])
        assert.deepEqual(await valuesIn(log, 't'), ['c'])
        const [found] = await log.fetch([at('t', 0, 1)], AT_ONCE)
        assert.equal(found!.error?.code, 'offset-out-of-range')
      },
      ['trim'],
    )

    test(
      context,
      'go on where they were after everything was trimmed and the log restarted',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1 }])
        await log.append([outgoing('t', 0, 'a', 'b')])
        await log.trim([at('t', 0, 2)])
        await store.restart()
        const after = await store.open()
        const [bounds] = await after.offsets('t')
        assert.deepEqual([bounds!.earliest, bounds!.latest], [2, 2])
        assert.deepEqual(await after.append([outgoing('t', 0, 'c')]), [2])
        assert.deepEqual(await valuesIn(after, 't'), ['c'])
      },
      ['trim'],
    )
  })
}
