import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { JoinOptions, Log } from '../log.ts'
import { commitOf, joinGroup, names, position, type TestMember } from './member.ts'
import { type ConformanceStore, type Context, eventually, outgoing, rejectsWith, test } from './store.ts'

export function membershipSuite(context: Context): void {
  const until = (store: ConformanceStore, what: string, condition: () => boolean | Promise<boolean>) =>
    eventually(context, store, what, condition)

  async function begin(store: ConformanceStore, partitions = 4): Promise<Log> {
    const log = await store.open()
    await log.createTopics([
      { name: 't', partitions },
      { name: 'out', partitions: 1 },
    ])
    return log
  }

  /** A member that has everything, on a handle of its own. */
  async function alone(
    store: ConformanceStore,
    log: Log,
    options: Partial<JoinOptions> = {},
  ): Promise<TestMember> {
    const member = await joinGroup(context, log, options)
    await until(store, 'the only member has everything', () => member.owned().length === 4)
    return member
  }

  const together = (...members: TestMember[]) => members.flatMap(member => member.owned()).sort()
  const ALL = ['t/0', 't/1', 't/2', 't/3']

  describe('membership', () => {
    test(context, 'gives everything to an only member, with the identity to commit under', async store => {
      const member = await alone(store, await begin(store))
      assert.deepEqual(member.owned(), ALL)
      assert.deepEqual(member.membership.identity, member.identity())
      assert.deepEqual(names(member.membership.assignment), ALL)
    })

    test(context, 'shares with a member that joins, by weight', async store => {
      const one = await alone(store, await begin(store))
      const two = await joinGroup(context, await store.open(), { weight: 3 })
      await until(store, 'it is shared', () => two.owned().length === 3 && one.owned().length === 1)
      assert.deepEqual(together(one, two), ALL)
      assert.equal(one.identity().generation, two.identity().generation)
    })

    test(context, 'keeps the same partition of all topics of a set together', async store => {
      const log = await begin(store)
      await log.createTopics([{ name: 'u', partitions: 4 }])
      const topicSets = [['t', 'u']]
      const one = await joinGroup(context, log, { topicSets })
      const two = await joinGroup(context, await store.open(), { topicSets })
      await until(store, 'it is shared', () => one.owned().length === 4 && two.owned().length === 4)
      for (const member of [one, two]) {
        const partitionsOf = (topic: string) =>
          member
            .owned()
            .filter(name => name.startsWith(topic))
            .map(name => name.slice(2))
        assert.deepEqual(partitionsOf('t'), partitionsOf('u'))
      }
    })

    test(context, 'takes a topic in that is created later', async store => {
      const log = await begin(store)
      const member = await joinGroup(context, log, { topicSets: [['t'], ['later']] })
      await until(store, 'what exists is assigned', () => member.owned().length === 4)
      await log.createTopics([{ name: 'later', partitions: 2 }])
      await until(store, 'the new topic is assigned', () => member.owned().length === 6)
      assert.deepEqual(member.owned(), ['later/0', 'later/1', ...ALL])
    })

    test(
      context,
      '[1.3] waits for a revoke; until it settles the old identity commits and nobody else has the partition',
      async store => {
        const log = await begin(store)
        const one = await alone(store, log)
        const release = one.holdRevokes()
        const before = one.identity()
        const two = await joinGroup(context, await store.open())
        await until(store, 'the first member is asked', () =>
          one.events.some(event => event.startsWith('revoking')),
        )
        const asked = one.events.at(-1)!.replace('revoking ', '').split(' ')
        assert.equal(asked.length, 2)
        const partition = Number(asked[0]!.slice(2))
        await log.commit(
          commitOf(before, {
            batches: [outgoing('out', 0, 'flushed')],
            positions: [position(partition, -1, 9)],
          }),
        )
        assert.deepEqual(two.owned(), [])
        release()
        await until(store, 'the partitions moved', () => two.owned().length === 2)
        assert.deepEqual(two.owned(), asked)
        const [found] = await log.committed('g', [{ topic: 't', partition }])
        assert.equal(found!.offset, 9)
      },
    )

    test(
      context,
      '[2.2] a partition kept through a rebalance commits with the new generation only',
      async store => {
        const log = await begin(store)
        const one = await alone(store, log)
        const before = one.identity()
        const two = await joinGroup(context, await store.open())
        await until(
          store,
          'it is shared',
          () => two.owned().length === 2 && one.identity().generation > before.generation,
        )
        assert.equal(one.owned().length, 2)
        const partition = Number(one.owned()[0]!.slice(2))
        const stale = commitOf(before, { positions: [position(partition, -1, 1)] })
        await rejectsWith(log.commit(stale), { name: 'CommitError', outcome: 'fenced' })
        await log.commit(commitOf(one.identity(), { positions: [position(partition, -1, 1)] }))
        assert.ok(!one.events.slice(1).some(event => event.startsWith('assigned')), one.events.join(', '))
      },
    )

    test(
      context,
      '[2.2] a partition that left and came back does not commit under the identity from before',
      async store => {
        const log = await begin(store)
        const one = await alone(store, log)
        const before = one.identity()
        const two = await joinGroup(context, await store.open())
        await until(store, 'it is shared', () => two.owned().length === 2)
        const partition = Number(two.owned()[0]!.slice(2))
        await two.membership.leave()
        await until(store, 'everything is back', () => one.owned().length === 4)
        const stale = commitOf(before, { positions: [position(partition, -1, 1)] })
        await rejectsWith(log.commit(stale), { outcome: 'fenced' })
      },
    )

    test(context, 'leaving revokes, awaited, and gives to the others at once', async store => {
      const log = await begin(store)
      const one = await alone(store, log)
      const two = await joinGroup(context, await store.open())
      await until(store, 'it is shared', () => two.owned().length === 2)
      const release = two.holdRevokes()
      let left = false
      void two.membership.leave().then(() => {
        left = true
      })
      await until(store, 'the leaving one is asked', () =>
        two.events.some(event => event.startsWith('revoking')),
      )
      assert.equal(left, false)
      release()
      await until(store, 'it has left', () => left)
      assert.deepEqual(two.owned(), [])
      assert.equal(two.membership.identity, undefined)
      await until(store, 'the other has everything', () => one.owned().length === 4)
      assert.ok(!two.events.includes('lost'))
    })

    test(context, 'a member that does not give up in time is out, and joins again', async store => {
      const log = await begin(store)
      const one = await alone(store, log)
      const release = one.holdRevokes()
      const before = one.identity()
      const two = await joinGroup(context, await store.open())
      await until(store, 'the first member is out', () => one.events.includes('lost'))
      release()
      await rejectsWith(log.commit(commitOf(before, { positions: [position(0, -1, 1)] })), {
        outcome: 'fenced',
      })
      await until(store, 'both share', () => one.owned().length === 2 && two.owned().length === 2)
      assert.deepEqual(together(one, two), ALL)
      assert.notEqual(one.identity().memberId, before.memberId)
    })

    test(context, 'the partitions of a process that died go to the others after its session', async store => {
      const log = await begin(store)
      const one = await alone(store, log)
      const dying = await store.open()
      const two = await joinGroup(context, dying)
      await until(store, 'it is shared', () => two.owned().length === 2)
      await dying.close()
      await store.advance(context.stepMs)
      assert.equal(one.owned().length, 2)
      await until(store, 'the living one has everything', () => one.owned().length === 4)
    })

    test(context, 'a member that lives is never thrown out, however long it lives', async store => {
      const one = await alone(store, await begin(store))
      const two = await joinGroup(context, await store.open())
      await until(store, 'it is shared', () => two.owned().length === 2 && one.owned().length === 2)
      await until(
        store,
        'both know the generation',
        () => one.identity().generation === two.identity().generation,
      )
      const before = one.identity()
      for (let i = 0; i < 40; i++) await store.advance(context.sessionTimeoutMs / 8)
      assert.ok(!one.events.includes('lost') && !two.events.includes('lost'))
      assert.deepEqual(one.identity(), before)
    })

    test(
      context,
      '[2.2] a process frozen past its session commits nothing when it wakes, and joins again',
      async store => {
        const frozen = await begin(store)
        const one = await alone(store, frozen)
        const before = one.identity()
        await store.freeze!(frozen)
        const other = await store.open()
        const two = await joinGroup(context, other)
        await until(store, 'the other has everything', () => two.owned().length === 4)
        await store.thaw!(frozen)
        const stale = commitOf(before, {
          batches: [outgoing('out', 0, 'zombie')],
          positions: [position(0, -1, 1)],
        })
        await rejectsWith(frozen.commit(stale), { outcome: 'fenced' })
        await until(store, 'both share', () => one.owned().length === 2 && two.owned().length === 2)
        assert.ok(one.events.includes('lost'))
        assert.equal((await other.offsets('out'))[0]!.latest, 0)
      },
      ['freeze'],
    )

    test(
      context,
      '[2.2] a frozen only member of a group that emptied commits nothing when it wakes',
      async store => {
        const frozen = await begin(store)
        const one = await alone(store, frozen)
        const before = one.identity()
        await store.freeze!(frozen)
        const other = await store.open()
        await until(
          store,
          'the group is empty',
          async () => (await other.describeGroup('g'))!.members.length === 0,
        )
        await store.thaw!(frozen)
        await rejectsWith(frozen.commit(commitOf(before, { positions: [position(0, -1, 1)] })), {
          outcome: 'fenced',
        })
        await until(
          store,
          'it is back as a new member',
          () => one.owned().length === 4 && one.events.includes('lost'),
        )
        assert.notEqual(one.identity().memberId, before.memberId)
      },
      ['freeze'],
    )

    test(
      context,
      'a restarted process takes its old place at once by its instance id',
      async store => {
        const log = await begin(store)
        const one = await alone(store, log, { instanceId: 'a' })
        const dying = await store.open()
        const two = await joinGroup(context, dying, { instanceId: 'b' })
        await until(store, 'it is shared', () => two.owned().length === 2)
        const [had, before] = [two.owned(), two.identity()]
        await dying.close()
        const again = await joinGroup(context, await store.open(), { instanceId: 'b' })
        await store.advance(Math.min(context.stepMs, context.sessionTimeoutMs / 4))
        await until(store, 'it has its place', () => again.owned().length === 2)
        assert.deepEqual(again.owned(), had)
        assert.ok(
          !one.events.some(event => event.startsWith('assigned') && event !== `assigned ${ALL.join(' ')}`),
        )
        await rejectsWith(log.commit(commitOf(before, { positions: [position(0, -1, 1)] })), {
          outcome: 'fenced',
        })
      },
      ['instance'],
    )

    test(
      context,
      'of two living processes with one instance id the older is out for good',
      async store => {
        const one = await alone(store, await begin(store), { instanceId: 'a' })
        const two = await joinGroup(context, await store.open(), { instanceId: 'a' })
        await until(store, 'the older was told', () => one.events.includes('lost'))
        // On Kafka they take the place from one another a few times first, for late joins of dead processes look the same.
        await until(store, 'the older gives up', () => one.events.includes('over'))
        await until(store, 'the newer has everything', () => two.owned().length === 4)
        const losses = two.events.filter(event => event === 'lost').length
        for (let i = 0; i < 8; i++) await store.advance(context.sessionTimeoutMs / 2)
        assert.equal(two.owned().length, 4)
        assert.equal(one.membership.identity, undefined)
        assert.equal(two.events.filter(event => event === 'lost').length, losses)
      },
      ['instance'],
    )

    test(context, '[2.2] under joins, leaves and deaths no partition ever has two owners', async store => {
      const log = await begin(store)
      const alive: { log: Log; member: TestMember }[] = [{ log, member: await alone(store, log) }]
      const check = () => {
        const owned = together(...alive.map(({ member }) => member))
        assert.deepEqual(owned, [...new Set(owned)], 'each partition at most once')
      }
      for (const step of ['join', 'join', 'leave', 'join', 'die', 'join', 'leave', 'die']) {
        if (step === 'join') {
          const handle = await store.open()
          alive.push({ log: handle, member: await joinGroup(context, handle) })
        } else {
          const [gone] = alive.splice(0, 1)
          if (step === 'die') await gone!.log.close()
          else void gone!.member.membership.leave()
        }
        for (let i = 0; i < 4; i++) {
          await store.advance(context.stepMs)
          check()
        }
      }
      await until(
        store,
        'the survivors have everything',
        () => together(...alive.map(({ member }) => member)).length === 4,
      )
      check()
    })
  })
}
