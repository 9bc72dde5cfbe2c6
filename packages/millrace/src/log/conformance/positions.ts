import assert from 'node:assert/strict'
import { describe } from 'node:test'
import { commitOf, joinGroup, position } from './member.ts'
import { at, type Context, eventually, rejectsWith, test } from './store.ts'

export function positionSuite(context: Context): void {
  const T0 = { topic: 't', partition: 0 }
  const T1 = { topic: 't', partition: 1 }

  describe('positions of a group', () => {
    test(context, 'are absent until they are committed', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      assert.deepEqual(await log.committed('g', [T0, T1]), [])
      assert.equal(await log.describeGroup('g'), undefined)
    })

    test(context, 'belong to one group', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      await log.resetGroup('g', [at('t', 0, 3)])
      await log.resetGroup('h', [at('t', 0, 4), at('t', 1, 5)])
      assert.deepEqual(
        (await log.committed('g', [T0, T1])).map(found => found.offset),
        [3],
      )
      assert.deepEqual(
        (await log.committed('h', [T1])).map(found => found.offset),
        [5],
      )
      assert.deepEqual((await log.listGroups()).sort(), ['g', 'h'])
    })

    test(context, 'cannot be reset while the group has members', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      const member = await joinGroup(context, log)
      await eventually(context, store, 'the member is assigned', () => member.owned().length === 2)
      await log.commit(commitOf(member.identity(), { positions: [position(0, -1, 5, Uint8Array.of(1, 2))] }))
      await rejectsWith(log.resetGroup('g', [at('t', 0, 0)]), { code: 'group-active' })
      await rejectsWith(log.deleteGroup('g'), { code: 'group-active' })
      assert.equal((await log.committed('g', [T0]))[0]!.offset, 5)
    })

    test(context, 'are set with the metadata that comes along', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      const metadata = Uint8Array.of(0, 255, 7)
      await log.resetGroup('g', [{ ...at('t', 0, 3), metadata }, at('t', 1, 4)])
      const other = await store.open()
      assert.deepEqual(
        (await other.committed('g', [T0, T1])).map(each => [each.offset, [...each.metadata]]),
        [
          [3, [0, 255, 7]],
          [4, []],
        ],
      )
      for (const size of [50_000, 60_000]) {
        await log.resetGroup('g', [{ ...at('t', 1, 5), metadata: new Uint8Array(size).fill(9) }])
        const [found] = await other.committed('g', [T1])
        assert.deepEqual([found!.offset, found!.metadata.length, found!.metadata.at(-1)], [5, size, 9])
      }
    })

    test(context, 'lose their metadata with a reset', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      const member = await joinGroup(context, log)
      await eventually(context, store, 'the member is assigned', () => member.owned().length === 2)
      const metadata = Uint8Array.of(1, 2)
      await log.commit(
        commitOf(member.identity(), {
          positions: [position(0, -1, 5, metadata), position(1, -1, 6, metadata)],
        }),
      )
      await member.membership.leave()
      await log.resetGroup('g', [at('t', 0, 2)])
      const [first, second] = await log.committed('g', [T0, T1])
      assert.deepEqual([first!.offset, first!.metadata.length], [2, 0])
      assert.deepEqual([second!.offset, second!.metadata.length], [6, 2])
    })

    test(context, 'go with the group when it is deleted', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      await log.resetGroup('g', [at('t', 0, 3)])
      await log.deleteGroup('g')
      await log.deleteGroup('never-there')
      assert.deepEqual(await log.committed('g', [T0]), [])
      assert.deepEqual(await log.listGroups(), [])
    })

    test(context, 'go with their topic when it is deleted', async store => {
      const log = await store.open()
      await log.createTopics([
        { name: 't', partitions: 2 },
        { name: 'u', partitions: 1 },
      ])
      await log.resetGroup('g', [at('t', 0, 3), at('u', 0, 4)])
      await log.deleteTopics(['t'])
      await log.createTopics([{ name: 't', partitions: 2 }])
      const found = await log.committed('g', [T0, { topic: 'u', partition: 0 }])
      assert.deepEqual(
        found.map(({ topic, offset }) => [topic, offset]),
        [['u', 4]],
      )
    })

    test(context, 'are shown with the members', async store => {
      const log = await store.open()
      await log.createTopics([{ name: 't', partitions: 2 }])
      const userData = Uint8Array.of(7, 8)
      const member = await joinGroup(context, log, { userData, instanceId: 'one' })
      await eventually(context, store, 'the member is assigned', () => member.owned().length === 2)
      await log.commit(commitOf(member.identity(), { positions: [position(1, -1, 5)] }))
      const info = (await log.describeGroup('g'))!
      assert.equal(info.generation, member.identity().generation)
      assert.deepEqual(
        info.positions.map(({ partition, offset }) => [partition, offset]),
        [[1, 5]],
      )
      const [shown] = info.members
      assert.equal(shown!.memberId, member.identity().memberId)
      assert.equal(shown!.instanceId, 'one')
      assert.deepEqual([...shown!.userData!], [7, 8])
      assert.equal(shown!.assignment.length, 2)
    })
  })
}
