import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, keys, pipeline, topic, tumbling } from '../../index.ts'
import { testDriver, verifyOperator } from '../../testing.ts'
import { describeModes } from '../testkit/modes.ts'

interface Shown {
  readonly shown: number
  readonly at: number
}
interface Click {
  readonly clicked: number
  readonly at: number
}
type Pair = readonly [shown: number | null, clicked: number | null]

const shows = topic('shows', { value: json<Shown>(), timestamp: v => v.at })
const clicks = topic('clicks', { value: json<Click>(), timestamp: v => v.at })
const pairs = topic<Pair, any, any>('pairs', { value: json<any>() })
const t0 = 1_700_000_000_000

const shown = (n: number, second: number): Shown => ({ shown: n, at: t0 + second * 1000 })
const clicked = (n: number, second: number): Click => ({ clicked: n, at: t0 + second * 1000 })

const tracked = (how: 'join' | 'leftJoin' | 'outerJoin') =>
  pipeline('tracked', p => {
    const ads = p.from(shows, { idle: 'never' }).byKey()
    const joined = ads[how as 'outerJoin'](
      'clicked',
      p.from(clicks, { idle: 'never' }).byKey(),
      { after: '10s' },
      (ad, click): Pair => [ad?.shown ?? null, click?.clicked ?? null],
    )
    joined.to(pairs)
  })

/** Both sides in the order of arrival, all of one key. */
const story = [
  shown(1, 0),
  clicked(1, 4),
  clicked(2, 10),
  shown(2, 11),
  clicked(3, 11),
  clicked(4, 30),
  shown(3, 35),
  clicked(5, 46),
  shown(4, 60),
]

async function gives(how: 'join' | 'leftJoin' | 'outerJoin', expected: readonly Pair[]) {
  await verifyOperator<any, Pair>(tracked(how), {
    input: story,
    expected,
    inputTopic: value => ('shown' in value ? shows : clicks) as never,
    each: () => ({ key: 'k' }),
  })
}

describe('a join of two streams, however it is run and lost,', () => {
  const met: Pair[] = [
    [1, 1],
    [1, 2],
    [2, 3],
  ]
  it('[6.3] gives each pair within the interval, both its ends included', () => gives('join', met))

  it('[6.3] gives what met nothing on the left once, when nothing can come any more', () =>
    gives('leftJoin', [...met, [3, null], [4, null]]))

  it('[6.3] or on either side', () =>
    gives('outerJoin', [...met, [3, null], [4, null], [null, 4], [null, 5]]))
})

describeModes('a join of two streams', mode => {
  it('[6.3] has the later of two times, and gives a record alone as soon as both sides have passed its interval', async () => {
    await using driver = await testDriver([tracked('leftJoin')], { mode })
    await driver.input(shows).send(shown(1, 0), { key: 'k' })
    await driver.input(shows).send(shown(2, 1), { key: 'k' })
    await driver.input(clicks).send(clicked(1, 10.5), { key: 'k' })
    await driver.input(shows).send(shown(3, 30), { key: 'k' })
    const read = await driver.output(pairs).read()
    assert.deepEqual(
      read.map(({ value, timestamp, key }) => [value, (timestamp - t0) / 1000, key]),
      [
        [[2, 1], 10.5, 'k'],
        [[1, null], 0, 'k'],
      ],
    )
    await driver.input(clicks).send(clicked(2, 11.001), { key: 'k' })
    assert.deepEqual(await driver.output(pairs).read(), [])
    await driver.finish()
    assert.deepEqual(
      (await driver.output(pairs).values()).sort(([, a], [, b]) => Number(a) - Number(b)),
      [[3, null]],
    )
  })

  it('[3.2] sends what comes when nothing can meet it any more to .late', async () => {
    const late = topic<Shown | Click, any, any>('late', { value: json<any>() })
    const tested = pipeline('lateness', p => {
      const right = p.from(clicks).byKey()
      const joined = p
        .from(shows)
        .byKey()
        .join('clicked', right, { after: '10s', grace: '5s' }, (ad, click): Pair => [ad.shown, click.clicked])
      joined.to(pairs)
      joined.late.to(late)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(shows).send(shown(1, 100), { key: 'k' })
    await driver.input(clicks).send(clicked(1, 100), { key: 'k' })
    await driver.input(shows).send(shown(2, 84.999), { key: 'k' })
    await driver.input(shows).send(shown(3, 85), { key: 'k' })
    await driver.input(clicks).send(clicked(2, 94.999), { key: 'k' })
    await driver.input(clicks).send(clicked(3, 95), { key: 'k' })
    assert.deepEqual(await driver.output(late).values(), [shown(2, 84.999), clicked(2, 94.999)])
    assert.deepEqual(await driver.output(pairs).values(), [
      [1, 1],
      [3, 3],
    ])
  })

  it('[3.2] loses nothing of a window behind it', async () => {
    const perMinute = topic<any, any, any>('per-minute', { value: json<any>() })
    const tested = pipeline('windows', p => {
      const right = p.from(clicks, { idle: 'never' }).byKey()
      p.from(shows, { idle: 'never' })
        .byKey()
        .outerJoin('clicked', right, { before: '20s', after: '30s', grace: '1m' }, (ad, click) => ({
          pair: ad !== undefined && click !== undefined,
        }))
        .keyBy('all', () => 'all')
        .window(tumbling('1m'))
        .aggregate('per-minute', { n: count(), pairs: count(v => v.pair) })
        .emit('final')
        .map(({ n, pairs }, { timestamp }) => [(timestamp + 1 - t0) % 60_000, n, pairs])
        .to(perMinute)
    })
    await using driver = await testDriver([tested], { mode })
    for (const second of [0, 70, 10, 140, 100, 300]) {
      await driver.input(shows).send(shown(second, second), { key: 'k' })
      await driver.input(clicks).send(clicked(second, second + 15), { key: 'k' })
    }
    await driver.finish()
    const rows = (await driver.output(perMinute).values()) as [number, number, number][]
    assert.deepEqual(
      rows.reduce((sum, [, n, paired]) => [sum[0]! + n, sum[1]! + paired], [0, 0]),
      [9, 9],
    )
    assert.deepEqual(await driver.sideStream('late').read(), [])
  })

  it('keeps any number of records of one key, over a crash too', async () => {
    await using driver = await testDriver([tracked('join')], { mode })
    const many = Array.from({ length: 100 }, (_, i) => shown(i, 0))
    await driver.input(shows).sendAll(many.slice(0, 30), { key: 'k' })
    await driver.crash()
    await driver.input(shows).sendAll(many.slice(30), { key: 'k' })
    await driver.crash()
    await driver.input(clicks).send(clicked(1, 5), { key: 'k' })
    const met = (await driver.output(pairs).values()).map(([n]) => n!)
    assert.deepEqual(
      met.sort((a, b) => a - b),
      many.map((_, i) => i),
    )
  })

  it('[7.1] a callback that throws sends the record that came to .failed', async () => {
    const tested = pipeline('throws', { maxFailureRate: 1 }, p => {
      const right = p.from(clicks).byKey()
      p.from(shows)
        .byKey()
        .join('clicked', right, { after: '10s' }, (): Pair => {
          throw new Error('no')
        })
        .to(pairs)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(shows).send(shown(1, 0), { key: 'k' })
    await driver.input(clicks).send(clicked(1, 1), { key: 'k' })
    await driver.input(clicks).send(clicked(2, 1), { key: null })
    const failed = await driver.sideStream('failed').read()
    assert.deepEqual(
      failed.map(({ step, reason }) => [step, reason]),
      [
        ['clicked', 'callback'],
        ['clicked', 'no-key'],
      ],
    )
  })

  it('[7.1] and all of it, however little the callback reads', async () => {
    const failed = topic<any, any, any>('failed', { value: json<any>() })
    const tested = pipeline('throws', { maxFailureRate: 1 }, p => {
      const right = p.from(clicks, { idle: 'never' }).byKey()
      const joined = p
        .from(shows, { idle: 'never' })
        .byKey()
        .outerJoin('clicked', right, { before: '1s', after: '1s' }, (ad, click): Pair => {
          throw new Error(`${ad?.shown} ${click?.clicked}`)
        })
      joined.to(pairs)
      joined.failed.to(failed)
    })
    const more = (value: Shown | Click) => ({ ...value, more: [value.at] })
    const failedOf = async (...sent: (Shown | Click)[]) => {
      await using driver = await testDriver([tested], { mode })
      for (const each of sent)
        await driver
          .input(('shown' in each ? shows : clicks) as never)
          .send(more(each) as never, { key: 'k' })
      return driver.output(failed).values()
    }
    assert.deepEqual(await failedOf(shown(1, 0), clicked(1, 1)), [more(shown(1, 0))])
    assert.deepEqual(await failedOf(clicked(1, 1), shown(1, 0)), [more(shown(1, 0))])
    const later = [shown(9, 100), clicked(9, 200)]
    assert.deepEqual(await failedOf(clicked(1, 1), ...later), [more(clicked(1, 1))])
  })

  it('[5.5] finds what it reads in merged records too, and in those that a step has failed on', async () => {
    const others = topic('others', { value: json<Shown>(), timestamp: v => v.at, validate: 'off' })
    const tested = pipeline('merged', { maxFailureRate: 1 }, p => {
      const merged = p.from(shows, { idle: 'never' }).merge(p.from(others, { idle: 'never' }))
      const { failed } = merged.peek(() => {
        throw new Error('no')
      })
      const right = p.from(clicks, { idle: 'never' }).byKey()
      const pair = (ad: Shown, click: Click): Pair => [ad.shown, click.clicked]
      merged.byKey().join('met', right, { after: '10s' }, pair).to(pairs)
      failed.byKey().join('mended', right, { after: '10s' }, pair).to(pairs)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(shows).send(shown(1, 0), { key: 'k' })
    await driver.input(others).send(shown(2, 1), { key: 'k' })
    await driver.input(clicks).send(clicked(1, 2), { key: 'k' })
    await driver.input(others).send(shown(3, 2), { key: 'k' })
    assert.deepEqual((await driver.output(pairs).values()).map(String).sort(), [
      ...['1,1', '1,1'],
      ...['2,1', '2,1'],
      ...['3,1', '3,1'],
    ])
  })

  it('joins a stream with itself', async () => {
    const tested = pipeline('itself', p => {
      const own = p.from(clicks).byKey()
      own.join('twice', own, { before: '5s' }, (a, b): Pair => [a.clicked, b.clicked]).to(pairs)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(clicks).send(clicked(1, 0), { key: 'k' })
    await driver.input(clicks).send(clicked(2, 4), { key: 'k' })
    assert.deepEqual((await driver.output(pairs).values()).map(String).sort(), ['1,1', '2,1', '2,2'])
  })
})

describe('the plan of a join of two streams', () => {
  const refuses = (build: (p: any) => void, message: RegExp) =>
    assert.throws(() => pipeline('refused', build), message)

  it('[5.9] needs topics with equal partition counts and keys', () => {
    const wide = topic('wide', { value: json<Click>(), partitions: 2 })
    const numbered = topic('numbered', { value: json<Click>(), keySerde: keys.int32 })
    const join = (p: any, right: unknown) =>
      p
        .from(shows)
        .byKey()
        .join('j', p.from(right).byKey(), { after: '1s' }, () => 1)
    refuses(p => join(p, wide), /different partition counts: "shows" has 1, "wide" has 2/)
    refuses(p => join(p, numbered), /write their keys differently/)
  })

  it('refuses a join without a name, an interval or a stream', () => {
    const keyed = (p: any) => p.from(shows).byKey()
    refuses(
      p => keyed(p).outerJoin(p.table(clicks), () => 1),
      /no name for its store; name it first: outerJoin\('name', …\)/,
    )
    refuses(p => keyed(p).join('j', p.from(clicks).byKey(), undefined, () => 1), /it has no interval/)
    refuses(p => keyed(p).join('j', p.table(clicks), {}, () => 1), /leave the name out/)
    refuses(p => keyed(p).join('j', 'clicks', {}, () => 1), /not a stream/)
    refuses(p => keyed(p).join('j', p.from(clicks), {}, () => 1), /not grouped by a key/)
  })
})
