import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, keys, out, pipeline, sum, topic } from '../../index.ts'
import { testDriver, verifyOperator } from '../../testing.ts'
import { describeModes } from '../testkit/modes.ts'

interface Order {
  readonly id: number
  readonly customer: string
  readonly amount: number
}
interface Customer {
  readonly name: string
  readonly city: string
}
interface Priced {
  readonly id: number
  readonly name: string | null
}

const orders = topic('orders', { value: json<Order>(), key: 'customer' })
const customers = topic<Customer>('customers', { value: json<Customer>(), cleanup: 'compact' })
const named = topic('named', { value: json<Priced>() })

const inner = pipeline('inner', p => {
  p.from(orders)
    .byKey()
    .join(p.table(customers), (order, customer) => ({ id: order.id, name: customer.name }))
    .to(named)
})
const left = pipeline('left', p => {
  p.from(orders)
    .byKey()
    .leftJoin(p.table(customers), (order, customer) => ({ id: order.id, name: customer?.name ?? null }))
    .to(named)
})

const t0 = 1_700_000_000_000
const order = (id: number, customer: string): Order => ({ id, customer, amount: id * 10 })
/** What is sent, in the order of arrival and of time: a row of the table, or an order. */
type Sent = readonly [key: string, row: Customer | null] | Order

const isRow = (sent: Sent): sent is readonly [string, Customer | null] => Array.isArray(sent)

async function joins(tested: typeof inner, input: readonly Sent[], expected: readonly Priced[]) {
  const values = input.map(sent => (isRow(sent) ? sent[1] : sent))
  await verifyOperator<any, Priced>(tested, {
    input: values,
    expected,
    ordered: true,
    inputTopic: (_, i) => (isRow(input[i]!) ? customers : orders) as never,
    each: (_, i) => {
      const sent = input[i]!
      return isRow(sent) ? { key: sent[0], timestamp: t0 + i } : { timestamp: t0 + i }
    },
  })
}

const ann: Customer = { name: 'Ann', city: 'Bonn' }
const bob: Customer = { name: 'Bob', city: 'Bern' }

describe('a stream joined with a table', () => {
  const story: Sent[] = [
    order(1, 'a'),
    ['a', ann],
    order(2, 'a'),
    order(3, 'b'),
    ['b', bob],
    ['a', bob],
    order(4, 'a'),
    order(5, 'b'),
    ['a', null],
    order(6, 'a'),
    ['a', ann],
    order(7, 'a'),
  ]

  it('[6.2] meets the row that the table has at that moment, however it is run and lost', () =>
    joins(inner, story, [
      { id: 2, name: 'Ann' },
      { id: 4, name: 'Bob' },
      { id: 5, name: 'Bob' },
      { id: 7, name: 'Ann' },
    ]))

  it('[6.2] meets nothing where the key has no row, when it is a left join', () =>
    joins(left, story, [
      { id: 1, name: null },
      { id: 2, name: 'Ann' },
      { id: 3, name: null },
      { id: 4, name: 'Bob' },
      { id: 5, name: 'Bob' },
      { id: 6, name: null },
      { id: 7, name: 'Ann' },
    ]))
})

describeModes('the inputs of a join with a table', mode => {
  it('[6.2] the table is read up to its end at the start before the first record of the stream', async () => {
    await using before = await testDriver([pipeline('none', p => void p.from(orders).print())])
    await before.input(orders).send(order(1, 'a'), { timestamp: t0 })
    for (let i = 0; i < 10; i++)
      await before
        .input(customers)
        .send({ name: `Ann ${i}`, city: 'Bonn' }, { key: 'a', timestamp: t0 + 5_000 + i })
    await using driver = await testDriver([inner], { mode, from: await before.snapshot() })
    await driver.advance('1s')
    assert.deepEqual(await driver.output(named).values(), [{ id: 1, name: 'Ann 9' }])
  })

  it('[6.1] [6.2] from then on goes by time, and at equal times the table goes first', async () => {
    await using driver = await testDriver([inner], { mode, commits: 'manual' })
    await driver.input(customers).send({ name: 'Ann', city: 'Bonn' }, { key: 'a', timestamp: t0 })
    await driver.input(orders).send(order(1, 'a'), { timestamp: t0 })
    await driver.commit()
    assert.deepEqual(await driver.output(named).values(), [{ id: 1, name: 'Ann' }])
  })

  it('[5.1] a record without a key, and one with a key of another kind, go to .failed', async () => {
    const numbered = topic('numbered', { value: json<Order>(), keySerde: keys.number, key: 'id' })
    const tested = pipeline('kinds', p => {
      const table = p.table(customers)
      const text = p.from(orders).byKey()
      text.join(table, (v, c) => ({ id: v.id, name: c.name })).to(named)
      p.from(numbered)
        .keyBy('by-id', v => v.id as unknown as string)
        .join(table, (v, c) => ({ id: v.id, name: c.name }))
        .to(named)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(customers).send(ann, { key: 'a', timestamp: t0 })
    await driver.input(orders).send(order(1, 'a'), { key: null, timestamp: t0 + 1 })
    await driver.input(numbered).send(order(2, 'a'), { timestamp: t0 + 2 })
    await driver.finish()
    const failed = await driver.sideStream('failed').read()
    assert.deepEqual(failed.map(({ reason }) => reason).sort(), ['key-kind', 'no-key'])
  })

  it('[7.1] a callback that throws, and one that gives undefined, send their record to .failed', async () => {
    const tested = pipeline('throws', { maxFailureRate: 1 }, p => {
      p.from(orders)
        .byKey()
        .join(
          p.table(customers),
          (v, c): Priced => {
            if (v.id === 1) throw new Error('one')
            return v.id === 2 ? (undefined as never) : { id: v.id, name: c.name }
          },
          { name: 'price' },
        )
        .to(named)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(customers).send(ann, { key: 'a', timestamp: t0 })
    for (const id of [1, 2, 3]) await driver.input(orders).send(order(id, 'a'), { timestamp: t0 + id })
    assert.deepEqual(await driver.output(named).values(), [{ id: 3, name: 'Ann' }])
    const failed = await driver.sideStream('failed').read()
    assert.deepEqual(
      failed.map(({ step, reason }) => [step, reason]),
      [
        ['price', 'callback'],
        ['price', 'undefined'],
      ],
    )
  })

  it('out() sets key, headers and time of the result, and the record is passed as the last argument', async () => {
    const tested = pipeline('out', p => {
      p.from(orders)
        .byKey()
        .join(p.table(customers), (v, c, record) =>
          out({ id: v.id, name: c.name }, { key: `${record.key}!` }),
        )
        .to(named)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(customers).send(ann, { key: 'a', timestamp: t0 })
    await driver.input(orders).send(order(1, 'a'), { timestamp: t0 + 1 })
    const [record] = await driver.output(named).read()
    assert.deepEqual([record!.key, record!.timestamp], ['a!', t0 + 1])
  })

  it('[2.7] the rows of a table can be asked for', async () => {
    await using driver = await testDriver([inner], { mode })
    await driver.input(customers).send(ann, { key: 'a', timestamp: t0 })
    assert.deepEqual(await driver.table('customers').get('a'), ann)
    assert.equal(await driver.table('customers').get('b'), undefined)
    await driver.input(customers).send(null as never, { key: 'a', timestamp: t0 })
    assert.equal(await driver.table('customers').get('a', { consistency: 'committed' }), undefined)
  })

  it('[5.8] the rows of an aggregate are a table too', async () => {
    const totals = topic('totals', { value: json<{ id: number; orders: number; spent: number }>() })
    const tested = pipeline('totals', p => {
      const keyed = p.from(orders).byKey()
      const spent = keyed.aggregate('spent', { orders: count(), spent: sum('amount') })
      keyed.join(spent, (order, row) => ({ id: order.id, ...row })).to(totals)
    })
    await using driver = await testDriver([tested], { mode })
    for (const id of [1, 2, 3]) await driver.input(orders).send(order(id, 'a'), { timestamp: t0 + id })
    assert.deepEqual(await driver.output(totals).values(), [
      { id: 1, orders: 1, spent: 10 },
      { id: 2, orders: 2, spent: 30 },
      { id: 3, orders: 3, spent: 60 },
    ])
  })

  it('rows hold whatever their serde gives, bigints and bytes among it, and come back from the changelog', async () => {
    const tested = pipeline('exotic', p => {
      const table = p.table(customers).map('exotic', ({ name }) => ({
        big: 2n ** 70n,
        at: new Date(t0),
        bytes: Buffer.from(name),
        none: undefined,
      }))
      p.from(orders)
        .byKey()
        .join(table, (v, row) => ({
          id: v.id,
          name: `${row.big} ${row.at.toISOString()} ${Buffer.from(row.bytes)}`,
        }))
        .to(named)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(customers).send(ann, { key: 'a', timestamp: t0 })
    await driver.crash()
    await driver.input(orders).send(order(1, 'a'), { timestamp: t0 + 1 })
    const [row] = await driver.output(named).values()
    assert.equal(row!.name, '1180591620717411303424 2023-11-14T22:13:20.000Z Ann')
  })
})

describe('a table in a plan', () => {
  it('[5.5] decodes of the stream only what the join reads of it, and of the table everything', () => {
    const text = inner.graph.nodes.map(({ kind }) => kind)
    assert.deepEqual(text, ['source', 'byKey', 'source', 'byKey', 'table', 'lookup', 'to'])
  })

  it('is one, however often it is asked for', () => {
    const twice = pipeline('twice', p => {
      const keyed = p.from(orders).byKey()
      keyed.join(p.table(customers), (v, c) => ({ id: v.id, name: c.name })).to(named)
      keyed.leftJoin(p.table(customers), (v, c) => ({ id: v.id, name: c?.name ?? null })).to(named)
    })
    assert.equal(twice.graph.nodes.filter(({ kind }) => kind === 'table').length, 1)
  })

  it('[5.9] the topics of stream and table need equal partition counts', () => {
    const wide = topic('wide', { value: json<Order>(), key: 'customer', partitions: 3 })
    const build = () =>
      pipeline('counts', p => {
        p.from(wide)
          .byKey()
          .join(p.table(customers), (v, c) => ({ id: v.id, name: c.name }))
          .to(named)
      })
    assert.throws(build, /different partition counts: "customers" has 1, "wide" has 3/)
  })

  it('refuses what is no table, a stream without keys, and the rows of windows', () => {
    const join = (table: unknown) => () =>
      pipeline(
        'refused',
        p =>
          void p
            .from(orders)
            .byKey()
            .join(table as never, () => 1),
      )
    assert.throws(join(7), /it was given something that is not a table/)
    assert.throws(
      () => pipeline('refused', p => void (p.from(orders) as any).join(p.table(customers), () => 1)),
      /not grouped by a key/,
    )
    assert.throws(
      () =>
        pipeline('refused', p => {
          const keyed = p.from(orders).byKey()
          keyed.join(keyed as never, () => 1)
        }),
      /it was given a stream where a table is meant/,
    )
  })
})
