import assert from 'node:assert/strict'
import { test } from 'node:test'
import { avro } from '../formats/avro/avro.ts'
import { memoryRegistry } from '../formats/registry/memory-registry.ts'
import type { SchemaRegistry, WholeSchema } from '../formats/registry/registry.ts'
import { RegistryError } from '../formats/registry/registry-error.ts'
import { json } from '../serde/json.ts'
import { string } from '../serde/text.ts'
import { count, first, sum } from '../stream/aggregates.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { testDriver } from '../testing/driver.ts'
import { describeModes } from '../testing/testkit/modes.ts'
import { tumbling } from '../window/tumbling.ts'

const t0 = Date.UTC(2026, 0, 1)

interface Order {
  readonly item: string
  readonly amount: number
  readonly at: number
}

const orderSchema = {
  type: 'record',
  name: 'shop.Order',
  fields: [
    { name: 'item', type: 'string' },
    { name: 'amount', type: 'int' },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
  ],
}
const totalSchema = {
  type: 'record',
  name: 'shop.Total',
  fields: [
    { name: 'key', type: 'string' },
    { name: 'start', type: 'long' },
    { name: 'end', type: 'long' },
    { name: 'orders', type: 'int' },
    { name: 'amount', type: 'long' },
  ],
}

/** A registry whose answers to readers can be held back or refused. */
function faultyRegistry() {
  const inner = memoryRegistry()
  const faults = { asked: 0, fail: undefined as Error | undefined }
  const registry: SchemaRegistry = Object.assign(Object.create(inner), {
    name: 'faulty',
    schema: (id: number): Promise<WholeSchema> => {
      faults.asked++
      return faults.fail === undefined ? inner.schema(id) : Promise.reject(faults.fail)
    },
    whole: (schema: any) => inner.whole(schema),
    register: (subject: string, schema: any) => inner.register(subject, schema),
    lookup: (subject: string, schema: any) => inner.lookup(subject, schema),
    version: (subject: string, version: any) => inner.version(subject, version),
  })
  return { registry, inner, faults }
}

/** What another program has written: the bytes of a value under the schema that it registered. */
async function foreignBytes(
  registry: SchemaRegistry,
  schema: object,
  value: unknown,
  place = { topic: 'orders', part: 'value' as 'key' | 'value' },
): Promise<Uint8Array> {
  const serde = avro({ registry, schema }).forTopic(place)
  await serde.preparation!.forWriting()
  return serde.serialize(value)
}

function shop(registry: SchemaRegistry) {
  const orders = topic('orders', { value: avro<Order>({ registry, schema: orderSchema }), timestamp: 'at' })
  const items = topic('items', { value: string() })
  const totals = topic('totals', { value: avro({ registry, schema: totalSchema }) })
  const plan = pipeline('shop', p => {
    const read = p.from(orders)
    read.map(order => order.item).to(items)
    read
      .keyBy('item')
      .window(tumbling('1m'))
      .aggregate('per-item', { orders: count(), amount: sum('amount') })
      .emit('final')
      .to(totals)
  })
  return { orders, items, totals, plan }
}

describeModes('Topics whose schemas are in a registry', mode => {
  test('[5.10] a pipeline reads, re-keys, aggregates and writes their records', async () => {
    const registry = memoryRegistry()
    const { orders, totals, plan } = shop(registry)
    await using driver = await testDriver([plan], { mode })
    await driver.input(orders).sendAll([
      { item: 'tea', amount: 2, at: t0 },
      { item: 'pot', amount: 9, at: t0 + 1 },
      { item: 'tea', amount: 3, at: t0 + 2 },
    ])
    await driver.crash()
    await driver.finish()
    const rows = await driver.output(totals).values()
    assert.deepEqual(
      rows.sort((a, b) => (a.key < b.key ? -1 : 1)),
      [
        { key: 'pot', start: t0, end: t0 + 60_000, orders: 1, amount: 9 },
        { key: 'tea', start: t0, end: t0 + 60_000, orders: 2, amount: 5 },
      ],
    )
    assert.deepEqual(await registry.subjects(), ['orders-value', 'totals-value'])
  })

  test('[5.10] while the registry does not answer, records wait, and none is lost or goes before another', async () => {
    const { registry, inner, faults } = faultyRegistry()
    const { orders, items, plan } = shop(registry)
    const older = { ...orderSchema, doc: 'older' }
    const bytes = await foreignBytes(inner, older, { item: 'old', amount: 1, at: t0 })
    await using driver = await testDriver([plan], { mode })
    await driver.input(orders).send({ item: 'first', amount: 1, at: t0 })
    faults.fail = new RegistryError('unreachable', 'nobody is there')
    await driver.input(orders).sendBytes(bytes)
    await driver.input(orders).send({ item: 'last', amount: 1, at: t0 })
    await driver.advance('1m')
    assert.deepEqual(await driver.output(items).values(), ['first'])
    assert.ok(faults.asked > 3, `asked ${faults.asked} times`)
    faults.fail = undefined
    await driver.advance('10s')
    assert.deepEqual(await driver.output(items).values(), ['old', 'last'])
    assert.deepEqual(await driver.sideStream('rejected').read(), [])
  })

  test('[5.10] a login that the registry refuses stops the pipeline', async () => {
    const { registry, inner, faults } = faultyRegistry()
    const { orders, plan } = shop(registry)
    const bytes = await foreignBytes(
      inner,
      { ...orderSchema, doc: 'other' },
      { item: 'a', amount: 1, at: t0 },
    )
    await using driver = await testDriver([plan], { mode })
    faults.fail = new RegistryError('unauthorized', 'the password is wrong')
    await assert.rejects(driver.input(orders).sendBytes(bytes), /the password is wrong/)
  })

  test('[5.10] what has no frame, an unknown schema, one of another language or one that does not fit is rejected', async () => {
    const registry = memoryRegistry()
    const { orders, items, plan } = shop(registry)
    await using driver = await testDriver([plan], { mode })
    const renamed = {
      type: 'record',
      name: 'shop.Order',
      fields: [{ name: 'thing', type: 'string' }],
    }
    const jsonId = await registry.register('other', { type: 'JSON', text: '{}' })
    const input = driver.input(orders)
    await input.send({ item: 'good', amount: 1, at: t0 })
    await input.sendBytes('{"item":"json"}')
    await input.sendBytes(Uint8Array.of(0, 0, 0, 0, 99, 1))
    await input.sendBytes(Uint8Array.of(0, 0, 0, 0, jsonId, 1))
    await input.sendBytes(await foreignBytes(registry, renamed, { thing: 'x' }))
    await input.send({ item: 'good too', amount: 1, at: t0 })
    assert.deepEqual(await driver.output(items).values(), ['good', 'good too'])
    const rejected = await driver.sideStream('rejected').read()
    assert.deepEqual(
      rejected.map(({ reason }) => reason),
      ['frame', 'schema-unknown', 'schema-unusable', 'schema-incompatible'],
    )
    const [, unknown, , incompatible] = rejected
    assert.match(unknown!.error, /\(memory\) has no schema 99/)
    assert.match(incompatible!.error, /"thing".*cannot be read as the topic's own schema.*"amount"/)
  })

  test('[5.10] [6.1] an input that waits for a schema is waited for by the others of its task', async () => {
    const { registry, inner, faults } = faultyRegistry()
    const { orders } = shop(registry)
    const others = topic('others', { value: json<Order>(), timestamp: 'at' })
    const items = topic('items', { value: string() })
    const plan = pipeline('both', p => {
      p.from(orders)
        .merge(p.from(others))
        .byKey()
        .aggregate('first', { item: first('item'), orders: count() })
        .emit('updates')
        .map(row => `${row?.orders}: ${row?.item}`)
        .to(items)
    })
    const older = { ...orderSchema, doc: 'older' }
    const bytes = await foreignBytes(inner, older, { item: 'first', amount: 1, at: t0 })
    await using driver = await testDriver([plan], { mode })
    faults.fail = new RegistryError('unreachable', 'nobody is there')
    await driver.input(orders).sendBytes(bytes, { key: 'a' })
    await driver.input(others).send({ item: 'second', amount: 1, at: t0 + 1 }, { key: 'a' })
    await driver.advance('1m')
    assert.deepEqual(await driver.output(items).values(), [])
    faults.fail = undefined
    await driver.advance('10s')
    assert.deepEqual(await driver.output(items).values(), ['1: first', '2: first'])
  })

  test('[1.5] [5.10] what was re-keyed is read by a process that has never seen its schema', async () => {
    const registry = memoryRegistry()
    const make = () => {
      const orders = topic('orders', { value: avro<Order>({ registry }), timestamp: 'at' })
      const items = topic('items', { value: string() })
      const plan = pipeline('by-item', p => {
        p.from(orders)
          .keyBy('item')
          .map(order => order.item)
          .to(items)
      })
      return { orders, items, plan }
    }
    const bytes = await foreignBytes(registry, orderSchema, { item: 'tea', amount: 1, at: t0 })
    const before = make()
    await using earlier = await testDriver([before.plan], { mode, commits: 'manual' })
    await earlier.input(before.orders).sendBytes(bytes)
    await earlier.commit()
    assert.deepEqual(await earlier.output(before.items).values(), [])
    const after = make()
    await using second = await testDriver([after.plan], { mode, from: await earlier.snapshot() })
    await second.finish()
    assert.deepEqual(await second.output(after.items).values(), ['tea'])
  })

  test('[5.10] [8.1] keys are read back that another version of the pipeline wrote under another schema', async () => {
    const registry = memoryRegistry()
    const before = places(registry, 'before')
    await using earlier = await testDriver([before.plan], { mode })
    await earlier.input(before.visits).send('a', { key: { shelf: 7 }, timestamp: t0 })
    const after = places(registry, 'after')
    await using second = await testDriver([after.plan], { mode, from: await earlier.snapshot() })
    await second.finish()
    const rows = await second.output(after.counts).read()
    assert.deepEqual(
      rows.map(({ key, value }) => [key, value]),
      [[{ shelf: 7 }, { visits: 1 }]],
    )
    assert.deepEqual(await registry.versions('counts-key'), [1, 2])
  })

  test('[5.10] a store is asked by a key that is written as its topic does it', async () => {
    const { visits, plan } = places(memoryRegistry(), 'only')
    await using driver = await testDriver([plan], { mode })
    await driver.input(visits).send('a', { key: { shelf: 7 }, timestamp: t0 })
    const [window] = await driver.table('per-place').windows({ shelf: 7 })
    assert.deepEqual(window?.value, { visits: 1 })
  })
})

function places(registry: SchemaRegistry, doc: string) {
  const keySerde = avro<{ shelf: number }>({
    registry,
    schema: { type: 'record', name: 'Place', doc, fields: [{ name: 'shelf', type: 'int' }] },
  })
  const visits = topic('visits', { value: string(), keySerde })
  const counts = topic('counts', {
    value: avro<{ visits: number }>({
      registry,
      schema: { type: 'record', name: 'Visits', fields: [{ name: 'visits', type: 'int' }] },
    }),
    keySerde,
  })
  const plan = pipeline('places', p => {
    p.from(visits)
      .byKey()
      .window(tumbling('1m'))
      .aggregate('per-place', { visits: count() })
      .emit('final')
      .map(({ visits }) => ({ visits }))
      .to(counts)
  })
  return { visits, counts, plan }
}
