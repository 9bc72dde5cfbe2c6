import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { count, json, pipeline, type Table, topic } from '../index.ts'
import { testDriver } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'

interface Item {
  readonly n: number
}

const items = topic('items', { value: json<Item>(), cleanup: 'compact' })
const changes = topic<any, any, any>('changes', { value: json<any>() })
const t0 = 1_700_000_000_000
const ttlMs = 10_000

const shown = (made: (table: Table<Item, string>) => Table<any, any> = table => table) =>
  pipeline('ttl', p => {
    made(p.table(items, { ttl: '10s', idle: 'never' }))
      .emit('updates')
      .map((row, { key, timestamp }) => [timestamp - t0, key, row])
      .to(changes)
  })

type Sent = readonly [at: number, key: string, n: number | null]

/** The changes of the table when event time goes with the records, which are in order. */
function model(sent: readonly Sent[]): unknown[] {
  const rows = new Map<string, number>()
  const seen: unknown[] = []
  const expire = (now: number) => {
    const over = [...rows].filter(([, at]) => at + ttlMs <= now)
    for (const [key, at] of over.sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1))) {
      rows.delete(key)
      seen.push([at + ttlMs, key, null])
    }
  }
  for (const [at, key, n] of sent) {
    if (n === null) {
      if (rows.delete(key)) seen.push([at, key, null])
    } else {
      rows.set(key, at)
      seen.push([at, key, { n }])
    }
    expire(at)
  }
  return seen
}

describeModes('a table with a time to live', mode => {
  const run = async (sent: readonly Sent[], crashes: boolean) => {
    await using driver = await testDriver([shown()], { mode })
    for (const [at, key, n] of sent) {
      await driver.input(items).send(n === null ? (null as never) : { n }, { key, timestamp: t0 + at })
      if (crashes) await driver.crash()
    }
    await driver.finish()
    return driver.output(changes).values()
  }

  it('[6.6] deletes rows that were not set anew for so long, and what was made of them', async () => {
    const sent: Sent[] = [
      [0, 'a', 1],
      [1_000, 'b', 2],
      [9_000, 'a', 3],
      [11_000, 'c', 4],
      [18_999, 'd', 5],
      [19_000, 'd', 6],
    ]
    assert.deepEqual(await run(sent, false), [
      [0, 'a', { n: 1 }],
      [1_000, 'b', { n: 2 }],
      [9_000, 'a', { n: 3 }],
      [11_000, 'c', { n: 4 }],
      [11_000, 'b', null],
      [18_999, 'd', { n: 5 }],
      [19_000, 'd', { n: 6 }],
      [19_000, 'a', null],
    ])
  })

  it('[6.6] as a sequential model says, over losses, and keeps at the end of the input what has not expired', () => {
    const step = fc.tuple(fc.nat(6_000), fc.constantFrom('a', 'b', 'c'), fc.option(fc.nat(9), { freq: 4 }))
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 15 }),
      fc.boolean(),
      async (steps, crashes) => {
        let at = 0
        const sent = steps.map(([after, key, n]): Sent => {
          at += after
          return [at, key, n]
        })
        assert.deepEqual(await run(sent, crashes), model(sent))
      },
    )
    return fc.assert(property, { numRuns: 20 })
  })

  it('[6.6] takes the rows out of groups, of joins, and of what is looked up', async () => {
    const tested = pipeline('made', p => {
      const table = p.from(items).byKey().toTable('latest', { ttl: '10s' })
      table.groupBy('all', () => 'all').aggregate('rows', { rows: count() })
      table.map('doubled', ({ n }) => n * 2)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(items).send({ n: 1 }, { key: 'a', timestamp: t0 })
    await driver.input(items).send({ n: 2 }, { key: 'b', timestamp: t0 + 10_000 })
    assert.deepEqual(await driver.table('rows').get('all'), { rows: 1 })
    assert.equal(await driver.table('doubled').get('a'), undefined)
    assert.equal(await driver.table('doubled').get('b'), 4)
    assert.equal(await driver.table('latest').get('a'), undefined)
  })

  it('[6.6] a row that comes when its time is over goes at once', async () => {
    await using driver = await testDriver([shown()], { mode })
    await driver.input(items).send({ n: 1 }, { key: 'a', timestamp: t0 + 60_000 })
    await driver.input(items).send({ n: 2 }, { key: 'b', timestamp: t0 })
    assert.deepEqual(await driver.output(changes).values(), [
      [60_000, 'a', { n: 1 }],
      [0, 'b', { n: 2 }],
      [60_000, 'b', null],
    ])
  })

  it('is refused beside versions, and for no time', () => {
    const refuses = (options: object, message: RegExp) =>
      assert.throws(() => pipeline('refused', p => void p.table(items, options)), message)
    refuses({ ttl: '1h', versions: '1h' }, /both versions and a ttl/)
    refuses({ ttl: 0 }, /kept for no time/)
  })
})
