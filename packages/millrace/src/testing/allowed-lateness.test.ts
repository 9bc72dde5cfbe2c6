import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { calendar, count, hopping, json, pipeline, session, topic, tumbling } from '../index.ts'
import { testDriver } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { assertOperator, t0 } from './testkit/operator-property.ts'
import { type View, view } from './testkit/views.ts'

interface Row {
  readonly n: number
  readonly key: string
  readonly start: number
  readonly end: number
}
const views = topic('views-by-url', { value: json<View>(), key: 'url', timestamp: 'at' })
const rows = topic('rows', { value: json<Row>() })
const at = (ms: number, url = '/') => view(url, ms)
const brief = ({ start, end, n }: Row) => [start - t0, end - t0, n]

const minutes = pipeline('minutes', p =>
  p
    .from(views, { idle: 'never' })
    .byKey()
    .window(tumbling('1m', { grace: '10s' }))
    .aggregate('counts', { n: count() })
    .emit('final', { allowedLateness: '1m' })
    .to(rows),
)

describeModes('allowed lateness', mode => {
  it('[5.8] gives a row when the window is past, again for each record until the lateness is over, and then none', async () => {
    await using driver = await testDriver([minutes], { mode })
    const { send } = driver.input(views)
    const told = async () => (await driver.output(rows).read()).map(({ value }) => brief(value!))
    await send(at(1_000))
    await send(at(69_999))
    await send(at(2_000))
    assert.deepEqual(await told(), [], 'the grace is not over')
    await send(at(70_000))
    assert.deepEqual(await told(), [[0, 60_000, 2]])
    await driver.crash()
    await send(at(3_000))
    assert.deepEqual(await told(), [[0, 60_000, 3]])
    await send(at(4_000, '/new'))
    await driver.crash()
    const [row] = await driver.output(rows).read()
    assert.deepEqual([row!.key, row!.timestamp, row!.value!.n], ['/new', t0 + 59_999, 1])
    await send(at(129_999))
    await send(at(5_000))
    assert.deepEqual(await told(), [[0, 60_000, 4]])
    await send(at(130_000))
    assert.deepEqual(await told(), [[60_000, 120_000, 2]])
    await send(at(6_000))
    assert.deepEqual(await told(), [])
    assert.equal((await driver.sideStream('late').read()).length, 1)
    await driver.finish()
    assert.deepEqual(await told(), [[120_000, 180_000, 2]])
  })

  it('[3.2] what is behind it waits for the rows that may come again', async () => {
    const outcome = topic('hours', { value: json<Row>() })
    const behind = pipeline('behind', p =>
      p
        .from(views, { idle: 'never' })
        .byKey()
        .window(tumbling('1m'))
        .aggregate('counts', { n: count() })
        .emit('final', { allowedLateness: '1m' })
        .byKey()
        .window(tumbling('1m'))
        .aggregate('rows', { n: count() })
        .emit('final')
        .to(outcome),
    )
    await using driver = await testDriver([behind], { mode })
    const { send } = driver.input(views)
    for (const ms of [0, 60_000, 1, 119_999, 2]) await send(at(ms))
    assert.deepEqual(await driver.output(outcome).values(), [])
    await send(at(120_000))
    assert.deepEqual((await driver.output(outcome).values()).map(brief), [[0, 60_000, 3]])
  })
})

describe('allowed lateness under every way of feeding', () => {
  for (const [name, window, sizeMs, advanceMs] of [
    ['tumbling', tumbling('2s', { grace: 500 }), 2_000, 2_000],
    ['hopping', hopping('4s', { advance: '1s', grace: 500 }), 4_000, 1_000],
  ] as const) {
    it(`[4.1] ${name} windows give each row in its turn`, () =>
      assertOperator(
        keyed =>
          keyed
            .window(window)
            .aggregate('counts', { n: count() })
            .emit('final', { allowedLateness: '1s' })
            .map(({ n, start, end }) => ({ n, start: start - t0, end: end - t0 })),
        input => rowsOf(input, sizeMs, advanceMs, 500, 1_000),
        { anyOrder: true },
      ))
  }

  it('[4.1] the last row of each window holds all records, whatever their order', async () => {
    const input = fc.array(
      fc.record({
        url: fc.constantFrom('/a', '/b'),
        at: fc.integer({ min: 0, max: 50 }).map(n => t0 - n * 3_600_000),
        ms: fc.constant(1),
      }),
      { minLength: 1, maxLength: 12 },
    )
    await fc.assert(
      fc.asyncProperty(input, async input => {
        await using driver = await testDriver([days])
        await driver.input(views).sendAll(input)
        await driver.finish()
        const last = new Map<string, number>()
        for (const { n, key, start } of await driver.output(rows).values()) last.set(`${key} ${start}`, n)
        const expected = new Map<string, number>()
        for (const { url, at } of input) {
          const of = `${url} ${t0 + Math.floor((at - t0) / 86_400_000) * 86_400_000}`
          expected.set(of, (expected.get(of) ?? 0) + 1)
        }
        assert.deepEqual([...last].sort(), [...expected].sort())
      }),
      { numRuns: 20 },
    )
  })

  it('refuses what cannot be', () => {
    const table = (build: (t: any) => unknown, window: any = tumbling('1m')) =>
      pipeline('p', p => {
        build(p.from(views).byKey().window(window).aggregate('counts', { n: count() }))
      })
    const late = { allowedLateness: '1m' }
    assert.throws(() => table(t => t.emit('updates', late)), /it goes with emit\('final'\)/)
    assert.throws(() => table(t => t.emit('final', late), session('1m')), /give them more grace/)
    assert.throws(() => table(t => t.emit('final', { ...late, order: 'key' })), /leave one of the two out/)
    assert.throws(() => table(t => [t.emit('final'), t.emit('final', late)]), /give both the same/)
    assert.throws(() => table(t => t.emit('final', { allowedLateness: 'soon' })), /allowedLateness/)
  })
})

const days = pipeline('days', p =>
  p
    .from(views, { idle: 'never' })
    .byKey()
    .window(calendar('day'))
    .aggregate('counts', { n: count() })
    .emit('final', { allowedLateness: '7d' })
    .to(rows),
)

interface Seen {
  readonly at: number
  readonly key: string
  readonly watermark: number
}

/** Each row of a key: with its window, as far as it had come, and once for each record behind that. */
function rowsOf(
  input: readonly Seen[],
  sizeMs: number,
  advanceMs: number,
  graceMs: number,
  latenessMs: number,
) {
  const result: { n: number; start: number; end: number }[] = []
  const first = Math.floor(-sizeMs / advanceMs) * advanceMs
  for (let start = first; start < 500_000; start += advanceMs) {
    const end = start + sizeMs
    const held = input.filter(
      ({ at, watermark }) => at >= start && at < end && watermark < end + graceMs + latenessMs,
    )
    const inTime = held.filter(({ watermark }) => watermark < end + graceMs).length
    if (inTime > 0) result.push({ n: inTime, start, end })
    for (let n = inTime + 1; n <= held.length; n++) result.push({ n, start, end })
  }
  return result
}
