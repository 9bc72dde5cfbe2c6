import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, countWindow, custom, first, json, last, max, pipeline, sum, topic } from '../index.ts'
import { testDriver, verifyOperator } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { t0, type View, view } from './testkit/views.ts'

interface Row {
  readonly ms: number
  readonly n: number
  readonly key: string
  readonly start: number
  readonly end: number
}
const views = topic('views-by-url', { value: json<View>(), key: 'url', timestamp: 'at' })
const rows = topic('rows', { value: json<Row>() })

const each = ({ at }: View) => ({ timestamp: at })
const brief = ({ key, start, end, ms }: Row) => [key, (start - t0) / 1000, (end - t0) / 1000, ms]
/** The n-th view takes 2^n ms, so that a sum says which views are in it. */
const nth = (n: number, url = '/', at = n) => view(url, at * 1000, 2 ** n)

function counted(...[records, options]: Parameters<typeof countWindow>) {
  return pipeline('counted', p =>
    p
      .from(views)
      .byKey()
      .window(countWindow(records, options))
      .aggregate('counted', { ms: sum('ms'), n: count() })
      .emit('final')
      .to(rows),
  )
}

describeModes('windows of so many records', mode => {
  it('go out with the record that makes them full, key by key, in the order of arrival', async () => {
    await using driver = await testDriver([counted(2)], { mode })
    const { send } = driver.input(views)
    for (const [n, url] of ['/a', '/b', '/a', '/a'].entries()) await send(nth(n, url))
    const [row] = await driver.output(rows).read()
    assert.deepEqual(brief(row!.value!), ['/a', 0, 2, 5])
    assert.equal(row!.timestamp, t0 + 2_000)
    // An old record is as good as any: nothing is late.
    await driver.crash()
    await send(nth(4, '/b', 0))
    await driver.finish()
    assert.deepEqual((await driver.output(rows).values()).map(brief), [['/b', 0, 1, 18]])
  })

  it('overlap where one begins before another is full', async () => {
    await using driver = await testDriver([counted(5, { slide: 2 })], { mode })
    for (let n = 0; n < 10; n++) await driver.input(views).send(nth(n))
    await driver.finish()
    const bits = (from: number) => [0, 1, 2, 3, 4].reduce((all, i) => all + 2 ** (from + i), 0)
    assert.deepEqual((await driver.output(rows).values()).map(brief), [
      ['/', 0, 4, bits(0)],
      ['/', 2, 6, bits(2)],
      ['/', 4, 8, bits(4)],
    ])
  })

  it('[3.5] are told at the end of the input though they are not full, where that is asked', async () => {
    await using driver = await testDriver([counted(4, { slide: 2, incomplete: 'emit' })], { mode })
    for (const [n, url] of ['/a', '/a', '/a', '/a', '/b', '/a'].entries())
      await driver.input(views).send(nth(n, url))
    await driver.crash()
    await driver.finish()
    assert.deepEqual((await driver.output(rows).values()).map(brief).sort(), [
      ['/a', 0, 3, 15],
      ['/a', 2, 5, 44],
      ['/a', 5, 5, 32],
      ['/b', 4, 4, 16],
    ])
  })

  it('[2.7] can be asked for while they are open', async () => {
    await using driver = await testDriver([counted(3, { slide: 2 })], { mode })
    for (let n = 0; n < 6; n++) await driver.input(views).send(nth(n))
    const open = await driver.table('counted').windows('/')
    assert.deepEqual(
      open.map(({ start, end, value }) => [(start - t0) / 1000, (end - t0) / 1000, value]),
      [[4, 5, { ms: 48, n: 2 }]],
    )
  })

  it('keep states of their own apart, and a callback that throws leaves its record out of every window', async () => {
    const out = topic('texts', { value: json<{ all: number[]; from: number; to: number }>() })
    const all = custom<View, number[]>({
      init: () => [],
      add(state, v) {
        if (v.ms === 13) throw new Error('thirteen')
        state.push(v.ms)
        return state
      },
      version: 1,
    })
    const collected = pipeline('collected', p =>
      p
        .from(views)
        .byKey()
        .window(countWindow(3, { slide: 2 }))
        .aggregate('all', { all, from: first('ms'), to: last('ms'), most: max('ms') })
        .emit('final')
        .to(out),
    )
    await using driver = await testDriver([collected], { mode })
    for (const [n, ms] of [1, 2, 13, 3, 4, 5].entries()) await driver.input(views).send({ ...nth(n), ms })
    await driver.finish()
    assert.deepEqual(
      (await driver.output(out).values()).map(({ all, from, to }) => [all, from, to]),
      [
        [[1, 2, 3], 1, 3],
        [[3, 4, 5], 3, 5],
      ],
    )
    assert.equal((await driver.sideStream('failed').read()).length, 1)
  })
})

describe('windows of so many records under every way of feeding', () => {
  it('[4.2] give the same rows', async () => {
    const input = Array.from({ length: 7 }, (_, n) => nth(n, n % 3 === 0 ? '/a' : '/b'))
    const row = (key: string, ...n: number[]) => ({
      ms: n.reduce((all, i) => all + 2 ** i, 0),
      key,
      start: t0 + n[0]! * 1000,
      end: t0 + n.at(-1)! * 1000,
    })
    await verifyOperator(
      stream =>
        stream
          .byKey()
          .window(countWindow(2, { slide: 1 }))
          .aggregate('pairs', { ms: sum('ms') })
          .emit('final'),
      {
        input,
        each: v => ({ ...each(v), key: v.url }),
        expected: [row('/b', 1, 2), row('/a', 0, 3), row('/b', 2, 4), row('/b', 4, 5), row('/a', 3, 6)],
      },
    )
  })
})

describe('what windows of so many records refuse', () => {
  const table = (build: (table: any) => unknown) =>
    pipeline('p', p => {
      build(p.from(views).byKey().window(countWindow(3)).aggregate('counted', { n: count() }))
    })
  it('emissions of rows that are not final, and late records', () => {
    assert.throws(() => table(t => t.emit('updates')), /a window of so many records cannot emit "updates"/)
    assert.throws(() => table(t => t.late), /it has no \.late/)
  })

  it('numbers that are none', () => {
    assert.throws(() => countWindow(0), /countWindow\(records\): 0 is not a number of records/)
    assert.throws(() => countWindow(3, { slide: 4 }), /whole number from 1 to 3/)
    assert.throws(() => countWindow(5000, { slide: 1 }), /each record would be in 5000 windows/)
    assert.throws(() => countWindow(3, { incomplete: 'keep' as never }), /neither 'drop' nor 'emit'/)
  })
})
