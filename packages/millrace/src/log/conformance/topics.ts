import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { partitionOf } from '../../std/murmur2.ts'
import { type Context, outgoing, rejectsWith, test, valuesIn } from './store.ts'

export function topicSuite(context: Context): void {
  describe('topics', () => {
    test(context, 'are described as they were created', async store => {
      const log = await store.open()
      await log.createTopics([
        { name: 'plain', partitions: 3 },
        {
          name: 'app.p.s.changelog',
          partitions: 2,
          cleanup: 'compact,delete',
          retentionMs: -1,
          internal: true,
        },
      ])
      const topics = await log.describeTopics(['app.p.s.changelog', 'plain', 'absent'])
      const byName = new Map(topics.map(topic => [topic.name, topic]))
      assert.deepEqual([...byName.keys()].sort(), ['app.p.s.changelog', 'plain'])
      assert.equal(byName.get('plain')!.partitions, 3)
      assert.equal(byName.get('plain')!.cleanup, 'delete')
      assert.equal(byName.get('plain')!.internal, false)
      const changelog = byName.get('app.p.s.changelog')!
      assert.equal(changelog.cleanup, 'compact,delete')
      assert.equal(changelog.retentionMs, -1)
      assert.equal(changelog.internal, true)
      assert.ok((await log.describeTopics()).some(topic => topic.name === 'plain'))
    })

    test(context, 'are seen by every handle', async store => {
      const [one, other] = [await store.open(), await store.open()]
      await one.createTopics([{ name: 't', partitions: 1 }])
      await one.append([outgoing('t', 0, 'a')])
      assert.deepEqual(await valuesIn(other, 't'), ['a'])
    })

    test(context, 'stay as they are when created again with the same partition count', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      await log.append([outgoing('t', 1, 'kept')])
      const [before] = await log.describeTopics(['t'])
      await log.createTopics([{ name: 't', partitions: 2 }])
      assert.equal((await log.describeTopics(['t']))[0]!.id, before!.id)
      assert.deepEqual(await valuesIn(log, 't', 1), ['kept'])
    })

    test(context, 'cannot be created again with another partition count', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      await rejectsWith(log.createTopics([{ name: 't', partitions: 3 }]), {
        name: 'LogError',
        code: 'topic-mismatch',
      })
      assert.equal((await log.describeTopics(['t']))[0]!.partitions, 2)
    })

    test(context, 'get more partitions, which are empty, and other limits', async store => {
      const [log, other] = [await store.open(), await store.open()]
      await log.createTopics([{ name: 't', partitions: 1 }])
      await log.append([outgoing('t', 0, 'kept')])
      const [before] = await other.describeTopics(['t'])
      await log.alterTopics([{ name: 't', partitions: 3, cleanup: 'compact', retentionMs: 86_400_000 }])
      await log.append([outgoing('t', 2, { key: 'k', value: 'new' })])
      const [after] = await other.describeTopics(['t'])
      assert.deepEqual(
        {
          id: after!.id,
          partitions: after!.partitions,
          cleanup: after!.cleanup,
          retentionMs: after!.retentionMs,
        },
        { id: before!.id, partitions: 3, cleanup: 'compact', retentionMs: 86_400_000 },
      )
      assert.equal(after!.retentionBytes, before!.retentionBytes)
      for (const [partition, values] of [['kept'], [], ['new']].entries())
        assert.deepEqual(await valuesIn(other, 't', partition), values)
    })

    test(context, 'never lose partitions, and are not altered when one of them would', async store => {
      const log = await store.open()
      await log.createTopics([
        { name: 't', partitions: 2 },
        { name: 'u', partitions: 1 },
      ])
      await rejectsWith(
        log.alterTopics([
          { name: 'u', partitions: 2 },
          { name: 't', partitions: 1 },
        ]),
        { code: 'topic-mismatch' },
      )
      await rejectsWith(log.alterTopics([{ name: 'absent', partitions: 2 }]), { code: 'unknown-topic' })
      assert.deepEqual(
        (await log.describeTopics(['t', 'u'])).map(({ partitions }) => partitions).sort(),
        [1, 2],
      )
    })

    test(context, 'need a legal name and at least one partition', async store => {
      const log = await store.open()
      for (const spec of [
        { name: 'a b', partitions: 1 },
        { name: '', partitions: 1 },
        { name: 't', partitions: 0 },
      ]) {
        await rejectsWith(log.createTopics([spec]), { code: 'invalid-topic' })
      }
    })

    test(
      context,
      'are empty, and have another id, after they were deleted and created again',
      async store => {
        const log = await store.open()
        await log.createTopics([{ name: 't', partitions: 1 }])
        await log.append([outgoing('t', 0, 'a')])
        const [before] = await log.describeTopics(['t'])
        await log.deleteTopics(['t'])
        assert.deepEqual(await log.describeTopics(['t']), [])
        await rejectsWith(log.offsets('t'), { code: 'unknown-topic' })
        await log.createTopics([{ name: 't', partitions: 1 }])
        assert.notEqual((await log.describeTopics(['t']))[0]!.id, before!.id)
        const [bounds] = await log.offsets('t')
        assert.deepEqual([bounds!.earliest, bounds!.latest], [0, 0])
      },
    )

    test(
      context,
      '[5.1] a key belongs to the partition that murmur2 of its bytes names, whatever the log',
      async () => {
        const partition = (key: string, count: number) =>
          partitionOf(Buffer.from(key), 0, Buffer.byteLength(key), count)
        assert.equal(partition('foobar', 6), (-790332482 & 0x7fffffff) % 6)
        assert.equal(partition('21', 6), (-973932308 & 0x7fffffff) % 6)
        assert.equal(partition('abc', 5), 479470107 % 5)
      },
    )
  })
}
