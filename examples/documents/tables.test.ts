import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, sum, topic } from 'millrace'
import { testDriver } from 'millrace/testing'
import { keyedTopic, minute, resultsTopic, second, t0 } from './topics.ts'

type Customer = { name: string; city: string }
type Order = { customer: string; product: string; amount: number }

const orders = keyedTopic<Order>('orders', 'customer')

describe('tables and joins', () => {
  it('joins a stream with the latest rows of a topic', async () => {
    const ordersWithCity = resultsTopic('orders-with-city')
    // #region
    const customers = topic('customers', { value: json<Customer>(), cleanup: 'compact' })

    const withCity = pipeline('orders', p => {
      const known = p.table(customers)
      p.from(orders)
        .byKey()
        .join(known, (order, customer) => ({ ...order, city: customer.city }))
        .to(ordersWithCity)
    })
    // #endregion
    await using driver = await testDriver([withCity])
    await driver.input(customers).send({ name: 'Ada', city: 'Berlin' }, { key: 'ada' })
    await driver.input(orders).send({ customer: 'ada', product: 'p-1', amount: 5 })
    await driver.input(orders).send({ customer: 'bob', product: 'p-1', amount: 7 })
    await driver.finish()
    assert.deepEqual(await driver.output(ordersWithCity).values(), [
      { customer: 'ada', product: 'p-1', amount: 5, city: 'Berlin' },
    ])
  })

  it('joins a stream with the rows of its own time', async () => {
    const exchangeRates = topic('rates', { value: json<{ euros: number }>(), cleanup: 'compact' })
    const sales = topic('sales', { value: json<{ currency: string; amount: number }>() })
    const salesInEuros = resultsTopic('sales-in-euros')
    const priced = pipeline('priced', p => {
      // #region
      const rates = p.table(exchangeRates, { versions: '1h', outOfOrder: '10s' })
      p.from(sales)
        .keyBy('currency')
        .join(rates, (sale, rate) => ({ ...sale, euros: sale.amount * rate.euros }), {
          name: 'priced',
          wait: 'event-time',
        })
        .to(salesInEuros)
      // #endregion
    })
    await using driver = await testDriver([priced])
    const rate = (euros: number, timestamp: number) =>
      driver.input(exchangeRates).send({ euros }, { key: 'USD', timestamp })
    await rate(0.5, t0)
    await rate(2, t0 + minute)
    await driver
      .input(sales)
      .send({ currency: 'USD', amount: 10 }, { key: 's-1', timestamp: t0 + 30 * second })
    await driver
      .input(sales)
      .send({ currency: 'USD', amount: 10 }, { key: 's-2', timestamp: t0 + 2 * minute })
    await driver.finish()
    const euros = (await driver.output(salesInEuros).values()).map(sale => sale.euros)
    assert.deepEqual(euros, [5, 20])
  })

  it('joins a stream with a global table', async () => {
    const catalogue = topic('catalogue', { value: json<{ price: number }>(), cleanup: 'compact' })
    const pricedOrders = resultsTopic('priced-orders')
    const allOrders = resultsTopic('all-orders')
    const priced = pipeline('priced', p => {
      // #region
      const products = p.globalTable(catalogue)
      p.from(orders)
        .joinGlobal(products, { key: 'product' }, (order, { price }) => ({ ...order, price }))
        .to(pricedOrders)
      p.from(orders)
        .leftJoinGlobal(products, { key: 'product' }, (order, product) => ({
          ...order,
          price: product?.price ?? null,
        }))
        .to(allOrders)
      // #endregion
    })
    await using driver = await testDriver([priced])
    await driver.input(catalogue).send({ price: 3 }, { key: 'p-1' })
    await driver.input(orders).send({ customer: 'ada', product: 'p-1', amount: 5 })
    await driver.input(orders).send({ customer: 'ada', product: 'p-2', amount: 5 })
    await driver.finish()
    assert.deepEqual(
      (await driver.output(pricedOrders).values()).map(({ price }) => price),
      [3],
    )
    assert.deepEqual(
      (await driver.output(allOrders).values()).map(({ price }) => price),
      [3, null],
    )
    assert.deepEqual(await driver.table('catalogue').get('p-1'), { price: 3 })
  })

  it('filters, joins and groups tables', async () => {
    const customers = topic('customers', { value: json<Customer>(), cleanup: 'compact' })
    const views = keyedTopic<{ customer: string }>('views', 'customer')
    const bestCustomers = resultsTopic('best')
    const customerProfiles = resultsTopic('profiles')
    const customersPerCity = resultsTopic('customers-per-city')
    const tables = pipeline('tables', p => {
      const known = p.table(customers)
      // #region
      const berlin = known.filter('in-berlin', customer => customer.city === 'Berlin')
      const spent = p
        .from(orders)
        .byKey()
        .aggregate('spent', { total: sum('amount') })
      const best = berlin.join('best', spent, (customer, { total }) =>
        total > 1000 ? { ...customer, total } : null,
      )
      best.emit('updates').to(bestCustomers)
      // #endregion
      const visits = p.from(views).byKey().aggregate('visits', { n: count() })
      // #region
      const profiles = p.join(
        'profile',
        { customer: known, spent, visits },
        row => ({ ...row.customer, visits: row.visits?.n ?? 0 }),
        { optional: ['visits'] },
      )
      profiles.emit('updates').to(customerProfiles)
      // #endregion
      // #region
      known
        .groupBy('by-city', 'city')
        .aggregate('per-city', { customers: count() })
        .emit('updates')
        .to(customersPerCity)
      // #endregion
    })
    await using driver = await testDriver([tables])
    const ada = { name: 'Ada', city: 'Berlin' }
    await driver.input(customers).send(ada, { key: 'ada' })
    await driver.input(customers).send({ name: 'Bob', city: 'Berlin' }, { key: 'bob' })
    await driver.input(orders).send({ customer: 'ada', product: 'p-1', amount: 2000 })
    await driver.input(views).send({ customer: 'ada' })
    assert.deepEqual(await driver.table('best').get('ada'), { ...ada, total: 2000 })
    await driver.input(customers).send({ ...ada, city: 'Paris' }, { key: 'ada' })
    await driver.finish()
    assert.equal((await driver.output(bestCustomers).read()).at(-1)!.value, null)
    assert.deepEqual((await driver.output(customerProfiles).values()).at(-1), {
      ...ada,
      city: 'Paris',
      visits: 1,
    })
    assert.deepEqual(await driver.table('per-city').get('Berlin'), { customers: 1 })
  })

  it('makes a table of a stream, whose rows have a time to live', async () => {
    const movesTopic = keyedTopic<{ person: string; street: string; city: string }>('moves', 'person')
    const ordersWithCity = resultsTopic('orders-with-city')
    const joined = pipeline('joined', p => {
      const moves = p.from(movesTopic)
      // #region
      const places = moves.byKey().toTable('places', { ttl: '30d' })
      const cities = places.map('cities', ({ city }) => ({ city }))
      p.from(orders)
        .byKey()
        .leftJoin(cities, (order, place) => ({ ...order, city: place?.city ?? 'unknown' }))
        .to(ordersWithCity)
      // #endregion
    })
    await using driver = await testDriver([joined])
    const order = (timestamp: number, customer = 'ada') =>
      driver.input(orders).send({ customer, product: 'p-1', amount: 1 }, { timestamp })
    const before = t0 - 40 * 24 * 60 * minute
    await order(before)
    await driver
      .input(movesTopic)
      .send({ person: 'ada', street: 'B', city: 'Berlin' }, { timestamp: before + second })
    await order(before + minute)
    await driver.input(movesTopic).send({ person: 'bob', street: 'C', city: 'Paris' }, { timestamp: t0 })
    await order(t0 + minute, 'bob')
    await order(t0 + 2 * minute)
    await driver.finish()
    const found = (await driver.output(ordersWithCity).values()).map(({ city }) => city)
    assert.deepEqual(found, ['unknown', 'Berlin', 'Paris', 'unknown'])
  })

  it('joins tables by a foreign key', async () => {
    const products = topic('products', { value: json<{ name: string }>(), cleanup: 'compact' })
    const listings = topic('listings', {
      value: json<{ product: string; cents: number }>(),
      cleanup: 'compact',
    })
    const currentOffers = resultsTopic('current-offers')
    const allOffers = resultsTopic('all-offers')
    const joined = pipeline('joined', p => {
      // #region
      const catalogue = p.table(products)
      const offers = p
        .table(listings)
        .joinForeign('offers', catalogue, { key: 'product' }, (listing, product) => ({
          ...listing,
          name: product.name,
        }))
      offers.emit('updates').to(currentOffers)
      const all = p
        .table(listings)
        .leftJoinForeign('all', catalogue, { key: 'product' }, (listing, product) => ({
          ...listing,
          name: product?.name ?? null,
        }))
      all.emit('updates').to(allOffers)
      // #endregion
    })
    await using driver = await testDriver([joined])
    await driver.input(products).send({ name: 'lamp' }, { key: 'p-1' })
    await driver.input(listings).send({ product: 'p-1', cents: 100 }, { key: 'l-1' })
    await driver.input(listings).send({ product: 'p-2', cents: 200 }, { key: 'l-2' })
    await driver.finish()
    assert.deepEqual((await driver.output(allOffers).values()).map(({ name }) => name).sort(), ['lamp', null])
    assert.deepEqual(await driver.output(currentOffers).values(), [
      { product: 'p-1', cents: 100, name: 'lamp' },
    ])
  })

  it('joins streams by the times of their records', async () => {
    const ads = topic('ads', { value: json<{ id: string }>() })
    const clicksOnAds = topic('clicks-on-ads', { value: json<{ ad: string }>() })
    const outcomes = resultsTopic('outcomes')
    const sides = resultsTopic('sides')
    const joined = pipeline('joined', p => {
      const shown = p.from(ads)
      const clicks = p.from(clicksOnAds)
      // #region
      shown
        .byKey()
        .leftJoin('clicked', clicks.byKey(), { after: '10m', grace: '30s' }, (ad, click) => ({
          ad: ad.id,
          clicked: click !== undefined,
        }))
        .to(outcomes)
      shown
        .byKey()
        .outerJoin('met', clicks.byKey(), { before: '1m', after: '10m' }, (ad, click) => [ad?.id, click?.ad])
        .to(sides)
      // #endregion
    })
    await using driver = await testDriver([joined])
    const show = (id: string, timestamp: number) => driver.input(ads).send({ id }, { key: id, timestamp })
    await show('a', t0)
    await show('b', t0)
    await driver.input(clicksOnAds).send({ ad: 'a' }, { key: 'a', timestamp: t0 + 10 * minute })
    await driver.input(clicksOnAds).send({ ad: 'b' }, { key: 'b', timestamp: t0 + 10 * minute + 1 })
    assert.match((await driver.explain('clicked'))[0]!.text, /ads/)
    await driver.finish()
    assert.deepEqual(await driver.output(outcomes).values(), [
      { ad: 'a', clicked: true },
      { ad: 'b', clicked: false },
    ])
    assert.equal((await driver.output(sides).values()).length, 3)
  })
})
