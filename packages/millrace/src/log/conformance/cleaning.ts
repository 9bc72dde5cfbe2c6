import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { at, type Context, outgoing, readAll, test, valuesIn } from './store.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

export function compactionSuite(context: Context): void {
  describe('cleaning', () => {
    test(
      context,
      '[9.5] keeps old records for the whole retention from when they were written, over a restart, too',
      async store => {
        let log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1, retentionMs: HOUR_MS }])
        const lastYear = store.now() - 365 * 24 * HOUR_MS
        await log.append([outgoing('t', 0, { value: 'replayed', timestamp: lastYear })])
        await log.append([outgoing('t', 0, { value: 'as old as can be', timestamp: 0 })])
        await store.restart()
        log = await store.open()
        await log.clean()
        assert.deepEqual(await valuesIn(log, 't'), ['replayed', 'as old as can be'])
        store.leap!(HOUR_MS / 2)
        await log.clean()
        assert.deepEqual(await valuesIn(log, 't'), ['replayed', 'as old as can be'])
        store.leap!(HOUR_MS / 2 + MINUTE_MS)
        await log.clean()
        assert.deepEqual(await log.offsets('t'), [{ partition: 0, earliest: 2, latest: 2, bytes: 0 }])
      },
      ['clean'],
    )

    test(
      context,
      '[9.5] keeps a record of the future, and what came behind it, until the retention after its time',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1, retentionMs: HOUR_MS }])
        const tomorrow = store.now() + 24 * HOUR_MS
        await log.append([outgoing('t', 0, { value: 'before', timestamp: 1000 })])
        await log.append([
          outgoing('t', 0, { value: 'past', timestamp: 1000 }, { value: 'future', timestamp: tomorrow }),
        ])
        await log.append([outgoing('t', 0, { value: 'behind', timestamp: 1000 })])
        store.leap!(2 * HOUR_MS)
        await log.clean()
        assert.deepEqual(await valuesIn(log, 't'), ['past', 'future', 'behind'])
        assert.equal((await log.offsets('t'))[0]!.earliest, 1)
        store.leap!(23 * HOUR_MS - MINUTE_MS)
        await log.clean()
        assert.deepEqual(await valuesIn(log, 't'), ['past', 'future', 'behind'])
        store.leap!(2 * MINUTE_MS)
        await log.clean()
        assert.deepEqual(await valuesIn(log, 't'), [])
      },
      ['clean'],
    )

    test(
      context,
      'keeps for ever what has a retention of -1',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1, retentionMs: -1 }])
        await log.append([outgoing('t', 0, { value: 'ancient', timestamp: 1 })])
        store.leap!(100 * 365 * 24 * HOUR_MS)
        await log.clean()
        assert.deepEqual(await valuesIn(log, 't'), ['ancient'])
      },
      ['clean'],
    )

    test(
      context,
      'drops the oldest batches of a partition that is too large',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1, retentionMs: -1, retentionBytes: 5000 }])
        for (let i = 0; i < 20; i++) await log.append([outgoing('t', 0, `${i} ${'x'.repeat(1000)}`)])
        await log.clean()
        const values = (await valuesIn(log, 't')).map(value => Number.parseInt(value!, 10))
        assert.equal(values.at(-1), 19)
        assert.ok(values.length >= 3 && values.length <= 6, `${values.length} batches are left`)
        assert.deepEqual(
          values,
          values.map((_, i) => 20 - values.length + i),
        )
      },
      ['clean'],
    )

    test(
      context,
      'compaction keeps the newest record of each key, tombstones too, at their offsets',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1, cleanup: 'compact' }])
        const set = (key: string, value: string | null, timestamp = 1000) => ({ key, value, timestamp })
        await log.append([outgoing('t', 0, set('a', '1'), set('b', '1', 2000), set('a', '2'), set('c', '1'))])
        await log.append([outgoing('t', 0, set('d', '1'))])
        await log.append([outgoing('t', 0, set('c', null), set('d', '2'), set('e', '1'))])
        await log.clean()
        assert.deepEqual(await readAll(log, at('t', 0, 0)), [
          { offset: 1, key: 'b', value: '1', timestamp: 2000 },
          { offset: 2, key: 'a', value: '2', timestamp: 1000 },
          { offset: 5, key: 'c', value: null, timestamp: 1000 },
          { offset: 6, key: 'd', value: '2', timestamp: 1000 },
          { offset: 7, key: 'e', value: '1', timestamp: 1000 },
        ])
        assert.equal((await log.offsets('t'))[0]!.latest, 8)
      },
      ['clean'],
    )

    test(
      context,
      'compaction can go on over what it left before',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1, cleanup: 'compact' }])
        for (let round = 0; round < 4; round++) {
          await log.append([
            outgoing('t', 0, { key: 'a', value: `a${round}` }, { key: `k${round}`, value: 'v' }),
          ])
          await log.clean()
        }
        const records = await readAll(log, at('t', 0, 0))
        assert.deepEqual(
          records.map(({ offset, key }) => [offset, key]),
          [
            [1, 'k0'],
            [3, 'k1'],
            [5, 'k2'],
            [6, 'a'],
            [7, 'k3'],
          ],
        )
      },
      ['clean'],
    )

    test(
      context,
      'a reader that stands in a gap goes on behind it',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1, cleanup: 'compact' }])
        for (const value of ['1', '2', '3']) await log.append([outgoing('t', 0, { key: 'a', value })])
        await log.clean()
        assert.deepEqual(
          (await readAll(log, at('t', 0, 0), 0)).map(record => record.offset),
          [2],
        )
      },
      ['clean'],
    )
  })
}
