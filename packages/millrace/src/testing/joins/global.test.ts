import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { count, json, keys, out, pipeline, topic, tumbling } from '../../index.ts'
import { testDriver, verifyOperator } from '../../testing.ts'
import { describeModes } from '../testkit/modes.ts'

interface Order {
  readonly id: number
  readonly product: string | null
}
interface Product {
  readonly price: number
}
interface Priced {
  readonly id: number
  readonly price: number | null
}

const orders = topic('orders', { value: json<Order>(), partitions: 2 })
const products = topic('products', { value: json<Product>(), cleanup: 'compact', partitions: 3 })
const priced = topic('priced', { value: json<Priced>(), partitions: 2 })

const inner = pipeline('inner', p => {
  p.from(orders)
    .joinGlobal(p.globalTable(products), { key: 'product' }, (order, { price }) => ({ id: order.id, price }))
    .to(priced)
})
const left = pipeline('left', p => {
  p.from(orders)
    .leftJoinGlobal(p.globalTable(products), { key: ({ product }) => product }, (order, product) => ({
      id: order.id,
      price: product?.price ?? null,
    }))
    .to(priced)
})

const t0 = 1_700_000_000_000
type Sent = readonly [key: string, row: Product | null] | Order
const isRow = (sent: Sent): sent is readonly [string, Product | null] => Array.isArray(sent)
const order = (id: number, product: string | null): Order => ({ id, product })

/** What a table does at each moment of the story. */
function model(story: readonly Sent[], isLeft: boolean): Priced[] {
  const rows = new Map<string, Product>()
  const results: Priced[] = []
  for (const sent of story) {
    if (!isRow(sent)) {
      const row = sent.product === null ? undefined : rows.get(sent.product)
      if (row !== undefined || isLeft) results.push({ id: sent.id, price: row?.price ?? null })
    } else if (sent[1] === null) rows.delete(sent[0])
    else rows.set(sent[0], sent[1])
  }
  return results
}

/** Sends record after record, each under its own time and settled before the next; orders lie in both partitions. */
async function run(tested: typeof inner, mode: 'compiled' | 'interpreted', story: readonly Sent[]) {
  await using driver = await testDriver([tested], { mode })
  for (const [i, sent] of story.entries()) {
    const timestamp = t0 + i
    if (isRow(sent)) await driver.input(products).send(sent[1], { key: sent[0], timestamp })
    else await driver.input(orders).send(sent, { key: `${sent.id}`, timestamp })
  }
  return (await driver.output(priced).values()).toSorted((a, b) => a.id - b.id)
}

const story: Sent[] = [
  order(1, 'a'),
  ['a', { price: 5 }],
  order(2, 'a'),
  order(3, 'b'),
  ['b', { price: 7 }],
  ['a', { price: 6 }],
  order(4, 'a'),
  order(5, 'b'),
  ['a', null],
  order(6, 'a'),
  order(7, null),
  order(8, 'b'),
]

describeModes('a stream joined with a global table', mode => {
  it('[6.4] every task meets rows of all partitions, by a field that is not its key', async () => {
    assert.deepEqual(await run(inner, mode, story), model(story, false))
    assert.deepEqual(await run(left, mode, story), model(story, true))
  })

  it('[6.4] as a sequential model does, whatever comes', () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const row = fc.tuple(key, fc.option(fc.record({ price: fc.nat(9) })))
    const sale = fc.record({ id: fc.constant(0), product: fc.option(key) })
    const stories = fc
      .array(fc.oneof(row, sale), { maxLength: 20 })
      .map(all => all.map((sent, i): Sent => (Array.isArray(sent) ? sent : { ...(sent as Order), id: i })))
    const property = fc.asyncProperty(stories, fc.boolean(), async (sent, isLeft) => {
      assert.deepEqual(await run(isLeft ? left : inner, mode, sent), model(sent, isLeft))
    })
    return fc.assert(property, { numRuns: 15 })
  })

  it('[6.2] [6.4] the table is read to its end before the first record of a stream, at each start', async () => {
    await using before = await testDriver([pipeline('none', p => void p.from(orders).print())])
    await before.input(orders).send(order(1, 'a'), { timestamp: t0 })
    for (let i = 0; i < 10; i++)
      await before.input(products).send({ price: i }, { key: 'a', timestamp: t0 + 5_000 + i })
    await using driver = await testDriver([inner], { mode, from: await before.snapshot() })
    assert.deepEqual(await driver.output(priced).values(), [{ id: 1, price: 9 }])
    await driver.crash()
    await driver.input(orders).send(order(2, 'a'), { timestamp: t0 + 1 })
    assert.deepEqual(await driver.output(priced).values(), [{ id: 2, price: 9 }])
  })

  it('[6.1] [6.4] at equal times the table goes first', async () => {
    await using driver = await testDriver([inner], { mode, commits: 'manual' })
    await driver.input(orders).send(order(1, 'a'), { timestamp: t0 + 1 })
    await driver.input(products).send({ price: 1 }, { key: 'a', timestamp: t0 })
    await driver.commit()
    assert.deepEqual(await driver.output(priced).values(), [])
    await driver.input(products).send({ price: 2 }, { key: 'b', timestamp: t0 + 2 })
    await driver.input(orders).send(order(2, 'b'), { timestamp: t0 + 2 })
    await driver.commit()
    assert.deepEqual(await driver.output(priced).values(), [{ id: 2, price: 2 }])
  })

  it('[6.4] its records move no event time: a window behind the join closes by the stream alone', async () => {
    const perMinute = topic('per-minute', { value: json<{ n: number }>() })
    const tested = pipeline('windows', p => {
      p.from(orders, { idle: 'never' })
        .joinGlobal(p.globalTable(products), { key: 'product' }, (order, { price }) => ({ ...order, price }))
        .keyBy('product')
        .window(tumbling('1m'))
        .aggregate('n', { n: count() })
        .emit('final')
        .map(({ n }) => ({ n }))
        .to(perMinute)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(products).send({ price: 1 }, { key: 'a', timestamp: t0 })
    await driver.input(orders).send(order(1, 'a'), { key: 'k', timestamp: t0 })
    await driver.input(products).send({ price: 1 }, { key: 'a', timestamp: t0 + 3_600_000 })
    await driver.advance('1m')
    assert.deepEqual(await driver.output(perMinute).values(), [])
    await driver.finish()
    assert.deepEqual(await driver.output(perMinute).values(), [{ n: 1 }])
  })

  it('[5.1] [7.1] a key of another type sends the record to .failed, none meets nothing', async () => {
    await using driver = await testDriver([inner], { mode })
    await driver.input(products).send({ price: 1 }, { key: '1', timestamp: t0 })
    await driver.input(orders).send({ id: 1, product: 1 as never }, { timestamp: t0 + 1 })
    await driver.input(orders).send(order(2, null), { timestamp: t0 + 2 })
    const failed = await driver.sideStream('failed').read()
    assert.deepEqual(
      failed.map(({ reason }) => reason),
      ['key-kind'],
    )
  })

  it('[6.4] what cannot be read of a global topic is counted, and written nowhere', async () => {
    await using driver = await testDriver([inner], { mode })
    await driver.input(products).send({ price: 1 }, { key: 'a', timestamp: t0 })
    await driver.input(products).sendBytes(Buffer.from('{'), { key: 'a', timestamp: t0 + 1 })
    await driver.input(products).send({ price: 3 }, { key: null, timestamp: t0 + 2 })
    await driver.input(orders).send(order(1, 'a'), { timestamp: t0 + 3 })
    assert.deepEqual(await driver.output(priced).values(), [{ id: 1, price: 1 }])
    assert.deepEqual(await driver.sideStream('rejected').read(), [])
    assert.deepEqual(await driver.sideStream('failed').read(), [])
    const [health] = driver.health()
    assert.deepEqual(
      health!.tasks.map(({ rejected, failed }) => ({ rejected, failed })),
      [
        { rejected: 1, failed: 1 },
        { rejected: 1, failed: 1 },
      ],
    )
  })

  it('[2.7] [6.4] its rows can be asked for, by key and by range, in the type of its keys', async () => {
    const numbered = topic('numbered', { value: json<Product>(), keySerde: keys.int32, partitions: 2 })
    const tested = pipeline('numbers', p => {
      const table = p.globalTable(numbered, { name: 'prices' })
      p.from(orders)
        .joinGlobal(table, { key: v => v.id, name: 'price' }, ({ id }, { price }) =>
          out({ id, price }, { key: `${id}` }),
        )
        .to(priced)
    })
    await using driver = await testDriver([tested], { mode })
    for (const key of [3, 1, 2]) await driver.input(numbered).send({ price: key }, { key, timestamp: t0 })
    await driver.input(orders).send(order(2, null), { timestamp: t0 })
    assert.deepEqual(await driver.output(priced).values(), [{ id: 2, price: 2 }])
    assert.deepEqual(await driver.table('prices').get(3), { price: 3 })
    assert.equal(await driver.table('prices').get(4), undefined)
    assert.deepEqual(
      (await driver.table('prices').range()).map(({ key }) => key),
      [1, 2, 3],
    )
  })
})

describe('a global table', () => {
  it('[4.1] is met alike, however it is run and lost', () =>
    verifyOperator<any, Priced>(inner, {
      input: story.map(sent => (isRow(sent) ? sent[1] : sent)),
      expected: model(story, false),
      inputTopic: (_, i) => (isRow(story[i]!) ? products : orders) as never,
      each: (_, i) => {
        const sent = story[i]!
        return { key: isRow(sent) ? sent[0] : 'one', timestamp: t0 + i }
      },
    }))

  it('shows in describe, with what is decoded of it and by what it is joined', async () => {
    await using driver = await testDriver([inner])
    const text = driver.describe()
    assert.match(text, /products \(all partitions\) decodes the whole record/)
    assert.match(text, /join \(lookup\): inner, key product/)
    assert.match(text, /orders decodes id, product\n/)
  })

  it('is refused where no stream uses it, or nothing says which row is meant', () => {
    assert.throws(
      () =>
        pipeline('idle', p => {
          p.from(orders).to(topic('o', { value: json<Order>() }))
          p.globalTable(products)
        }),
      /"products": no stream uses this global table.*joinGlobal/s,
    )
    assert.throws(
      () =>
        pipeline(
          'keyless',
          p => void p.from(orders).joinGlobal(p.globalTable(products), {} as never, v => v),
        ),
      /does not say which row.*key: 'product'/s,
    )
    assert.throws(
      () =>
        pipeline(
          'other',
          p => void p.from(orders).joinGlobal(p.table(products) as never, { key: 'id' }, v => v),
        ),
      /p\.globalTable\(topic\)/,
    )
    assert.throws(
      () =>
        pipeline(
          'plain',
          p =>
            void p
              .from(orders)
              .byKey()
              .join(p.globalTable(products) as never, v => v),
        ),
      /joinGlobal/,
    )
    assert.throws(
      () =>
        pipeline('twice', p => {
          p.table(products)
          p.from(orders).joinGlobal(p.globalTable(products), { key: 'id' }, v => v)
        }),
      /read twice with different options/,
    )
  })
})
