import assert from 'node:assert/strict'
import { describe } from 'node:test'
import type { JoinOptions, Log, TopicPartition } from '../log.ts'
import { joinGroup, names, type TestMember } from './member.ts'
import { type ConformanceStore, type Context, eventually, test } from './store.ts'

/** SEMANTICS 8.2: older and newer members in one group. */
export function layoutSuite(context: Context): void {
  const until = (store: ConformanceStore, what: string, condition: () => boolean | Promise<boolean>) =>
    eventually(context, store, what, condition)
  const ALL = ['t/0', 't/1', 't/2', 't/3']

  /** A member whose layout of `t` has this version; `barred` is what it was told last. */
  async function versioned(
    log: Log,
    version: number | undefined,
    options: Partial<JoinOptions> = {},
  ): Promise<TestMember & { barred(): string[] }> {
    let barred: readonly TopicPartition[] = []
    const member = await joinGroup(context, log, {
      layouts: version === undefined ? undefined : { t: version },
      onBarred: partitions => {
        barred = partitions
      },
      ...options,
    })
    return { ...member, barred: () => names(barred) }
  }

  async function begin(store: ConformanceStore): Promise<Log> {
    const log = await store.open()
    await log.createTopics([{ name: 't', partitions: 4 }])
    return log
  }

  describe('layouts', () => {
    test(
      context,
      '[8.2] what a newer member has had goes to no older one, which is told, and to the next newer one',
      async store => {
        const log = await begin(store)
        const old = await versioned(log, 1)
        await until(store, 'the only member has everything', () => old.owned().length === 4)
        const newer = await versioned(await store.open(), 2)
        await until(store, 'it is shared', () => old.owned().length === 2 && newer.owned().length === 2)
        assert.deepEqual(old.barred(), [])
        const [had, kept] = [newer.owned(), old.owned()]
        await newer.membership.leave()
        await until(store, 'the older one is told', () => old.barred().length === 2)
        for (let i = 0; i < 4; i++) await store.advance(context.stepMs)
        assert.deepEqual([old.owned(), old.barred()], [kept, had])
        const info = (await log.describeGroup('g'))!
        assert.deepEqual(names(info.barred), had)
        assert.deepEqual(
          info.members.map(({ layouts }) => layouts),
          [{ t: 1 }],
        )
        const next = await versioned(await store.open(), 2)
        await until(store, 'they have an owner again', () => next.owned().length === 2)
        assert.deepEqual([next.owned(), old.owned()], [had, kept])
        await until(store, 'the older one is told', () => old.barred().length === 0)
        await old.membership.leave()
        await until(store, 'the newer one has everything', () => next.owned().length === 4)
      },
    )

    test(context, '[8.2] among members of one layout anything goes anywhere', async store => {
      const log = await begin(store)
      const one = await versioned(log, 3)
      await until(store, 'the only member has everything', () => one.owned().length === 4)
      const two = await versioned(await store.open(), 3)
      await until(store, 'it is shared', () => two.owned().length === 2)
      await two.membership.leave()
      await until(store, 'the first has everything again', () => one.owned().length === 4)
      assert.deepEqual(one.barred(), [])
    })

    test(context, '[8.2] who is behind already has no part of the topic', async store => {
      const log = await begin(store)
      await log.createTopics([{ name: 'u', partitions: 2 }])
      const topicSets = [['t'], ['u']]
      const behind = await versioned(log, 0, { topicSets })
      await until(store, 'it has the rest', () => behind.owned().length === 2)
      assert.deepEqual([behind.owned(), behind.barred()], [['u/0', 'u/1'], ALL])
    })

    test(
      context,
      '[8.2] a topic goes only to those who read it, also where others of the group do not',
      async store => {
        const log = await begin(store)
        await log.createTopics([{ name: 'u', partitions: 2 }])
        const old = await versioned(log, undefined)
        await until(store, 'the only member has everything', () => old.owned().length === 4)
        const newer = await versioned(await store.open(), undefined, { topicSets: [['t'], ['u']] })
        await until(store, 'what is new has an owner', () => newer.owned().includes('u/1'))
        await until(
          store,
          'everything has an owner',
          () => old.owned().length > 0 && old.owned().length + newer.owned().length === 6,
        )
        assert.ok(!old.owned().some(name => name.startsWith('u')))
        assert.deepEqual([...old.owned(), ...newer.owned()].sort(), [...ALL, 'u/0', 'u/1'])
        await newer.membership.leave()
        await until(store, 'the old one has what it reads', () => old.owned().length === 4)
      },
    )

    test(
      context,
      '[8.2] a newer process that took the place of an older one is known as newer, also when it is gone',
      async store => {
        const log = await begin(store)
        const old = await versioned(log, 1, { instanceId: 'a' })
        await until(store, 'the only member has everything', () => old.owned().length === 4)
        const replaced = await store.open()
        const before = await versioned(replaced, 1, { instanceId: 'b' })
        await until(store, 'it is shared', () => before.owned().length === 2)
        const [had, kept] = [before.owned(), old.owned()]
        await replaced.close()
        const dying = await store.open()
        const newer = await versioned(dying, 2, { instanceId: 'b' })
        await until(store, 'it has its place', () => newer.owned().length === 2)
        assert.deepEqual(newer.owned(), had)
        await dying.close()
        await until(store, 'the older one is told', () => old.barred().length === 2)
        assert.deepEqual([old.owned(), old.barred()], [kept, had])
      },
      ['instance'],
    )

    test(
      context,
      '[8.2] a group without members remembers nothing: a start says who is older',
      async store => {
        const log = await begin(store)
        const newer = await versioned(log, 2)
        await until(store, 'the only member has everything', () => newer.owned().length === 4)
        await newer.membership.leave()
        const old = await versioned(await store.open(), 1)
        await until(store, 'the next one has everything', () => old.owned().length === 4)
      },
    )
  })
}
