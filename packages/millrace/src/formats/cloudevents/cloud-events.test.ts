import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { out } from '../../plan/out.ts'
import { bytes } from '../../serde/bytes.ts'
import { json } from '../../serde/json.ts'
import { pipeline } from '../../stream/pipeline.ts'
import { topic } from '../../stream/topic.ts'
import { testDriver } from '../../testing/driver.ts'
import { describeModes } from '../../testing/testkit/modes.ts'
import { avro } from '../avro/avro.ts'
import type { FormatError } from '../format-error.ts'
import { memoryRegistry } from '../registry/memory-registry.ts'
import { cloudEvents } from './cloud-events.ts'
import { eventHeaders, eventOf, structuredHeaders } from './headers.ts'

interface Order {
  readonly item: string
}

const placed = { id: '1', source: '/shop', type: 'shop.placed' }

describeModes('CloudEvents', mode => {
  test('in binary mode, attributes are read from headers and written to them', async () => {
    const orders = topic('orders', { value: json<Order>() })
    const shipped = topic('shipped', { value: json<Order>() })
    const plan = pipeline('ship', p => {
      p.from(orders)
        .filter((_, record) => eventOf(record)?.type === 'shop.placed')
        .map((order, record) => {
          const { id, subject } = eventOf(record)!
          return out(order, {
            headers: eventHeaders({
              id,
              source: '/ship',
              type: 'shop.shipped',
              subject,
              datacontenttype: 'application/json',
              parcels: 2,
            }),
          })
        })
        .to(shipped)
    })
    await using driver = await testDriver([plan], { mode })
    const headers = eventHeaders({ ...placed, subject: 'ä', time: '2026-01-01T00:00:00Z' })
    await driver.input(orders).send({ item: 'tea' }, { headers })
    await driver.input(orders).send({ item: 'pot' }, { headers: { ...headers, ce_type: 'shop.other' } })
    await driver.input(orders).send({ item: 'cup' })
    const records = await driver.output(shipped).read()
    assert.deepEqual(
      records.map(({ value, headers }) => [value, headers]),
      [
        [
          { item: 'tea' },
          {
            ce_specversion: '1.0',
            ce_id: '1',
            ce_source: '/ship',
            ce_type: 'shop.shipped',
            ce_subject: 'ä',
            'content-type': 'application/json',
            ce_parcels: '2',
          },
        ],
      ],
    )
  })

  test('in structured mode, a topic holds whole events', async () => {
    const orders = topic('orders', { value: cloudEvents(json<Order>()) })
    const items = topic('items', { value: cloudEvents(json<string>()) })
    const plan = pipeline('items', p => {
      p.from(orders)
        .map(({ data, ...attributes }) =>
          out({ ...attributes, data: data.item }, { headers: structuredHeaders }),
        )
        .to(items)
    })
    await using driver = await testDriver([plan], { mode })
    await driver.input(orders).send({ ...placed, data: { item: 'tea' } })
    await driver.input(orders).sendBytes('{"specversion":"1.0","id":"2","type":"t","data":1}')
    await driver.input(orders).sendBytes('no json')
    const [record, ...others] = await driver.output(items).read()
    assert.deepEqual(record!.value, { specversion: '1.0', ...placed, data: 'tea' })
    assert.deepEqual(record!.headers, { 'content-type': 'application/cloudevents+json; charset=UTF-8' })
    assert.deepEqual(others, [])
    const rejected = await driver.sideStream('rejected').read()
    assert.deepEqual(
      rejected.map(({ reason }) => reason),
      ['malformed', 'malformed'],
    )
    assert.match(rejected[0]!.error, /its source is not there/)
  })

  test('data may be of any serde, one with a registry included', async () => {
    const registry = memoryRegistry()
    const schema = { type: 'record', name: 'Order', fields: [{ name: 'item', type: 'string' }] }
    const orders = topic('orders', { value: cloudEvents(avro<Order>({ registry, schema })) })
    const copies = topic('copies', { value: cloudEvents(avro<Order>({ registry, schema })) })
    const plan = pipeline('copy', p => {
      p.from(orders)
        .map(event => event)
        .to(copies)
    })
    await using driver = await testDriver([plan], { mode })
    const event = { specversion: '1.0', ...placed, data: { item: 'tea' } }
    await driver.input(orders).send(event)
    assert.deepEqual(await driver.output(copies).values(), [event])
    assert.deepEqual(await registry.subjects(), ['copies-value', 'orders-value'])
  })
})

describe('A CloudEvent', () => {
  function read<T>(serde: ReturnType<typeof cloudEvents<T>>, event: object): unknown {
    const text = Buffer.from(JSON.stringify(event))
    return serde.deserialize(text, 0, text.length).data
  }

  test('has its data as JSON, as base64, as text, or none', () => {
    const event = { specversion: '1.0', ...placed }
    const encoded = Buffer.from('{"item":"ä"}').toString('base64')
    assert.deepEqual(read(cloudEvents(json()), { ...event, data: { item: 'ä' } }), { item: 'ä' })
    assert.deepEqual(read(cloudEvents(json()), { ...event, data_base64: encoded }), { item: 'ä' })
    assert.deepEqual(read(cloudEvents(json()), event), undefined)
    assert.deepEqual(read(cloudEvents(bytes()), { ...event, data: 'ä' }), new Uint8Array(Buffer.from('ä')))
    const serde = cloudEvents(bytes())
    const written = Buffer.from(serde.serialize({ ...placed, data: Uint8Array.of(1, 2) })).toString()
    assert.equal(
      written,
      '{"specversion":"1.0","id":"1","source":"/shop","type":"shop.placed","data_base64":"AQI="}',
    )
  })

  test('needs its id, source and type, and attributes with names of small letters and digits', () => {
    const refused = (attributes: object, message: RegExp) => {
      const event = { ...placed, ...attributes }
      assert.throws(() => eventHeaders(event), message)
      assert.throws(
        () => cloudEvents(json()).serialize({ ...event, data: 1 }),
        (error: FormatError) => error.reason === 'schema',
      )
    }
    refused({ id: '' }, /needs its id/)
    refused({ source: undefined }, /needs its source/)
    refused({ traceParent: 'x' }, /cannot have an attribute traceParent/)
    refused({ parts: ['x'] }, /attribute parts of a CloudEvent is of type object/)
    assert.equal(eventOf({ headers: [{ name: 'ce_id', value: Buffer.from('1') }] }), undefined)
  })
})
