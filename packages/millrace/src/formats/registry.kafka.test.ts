import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { start } from '../runtime/start.ts'
import { count, sum } from '../stream/aggregates.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { avro } from './avro/avro.ts'
import { jsonSchema } from './json-schema/json-schema.ts'
import { protobuf } from './protobuf/protobuf.ts'
import { schemaRegistry } from './registry/http-registry.ts'
import { RegistryError } from './registry/registry-error.ts'
import { javaFormats } from './testkit/java-formats.ts'

const brokers = testBrokers()
const url = process.env.MILLRACE_REGISTRY ?? ''
const skip = url === '' && 'npm run test:kafka was given a running Kafka and no MILLRACE_REGISTRY'
const skipJava = process.env.MILLRACE_FORMAT_JARS ? false : 'there are no jars of Avro and Protobuf'
const t0 = Date.UTC(2026, 0, 1)

/** Names of their own for each test, on the registry that all share. */
function unique(name: string): string {
  return `${name}-${crypto.randomUUID().slice(0, 8)}`
}

function record(name: string, fields: Record<string, unknown>) {
  return { type: 'record', name, fields: Object.entries(fields).map(([name, type]) => ({ name, type })) }
}

function asAvro(schema: object, references: { name: string; subject: string; version: number }[] = []) {
  return { type: 'AVRO' as const, text: JSON.stringify(schema), references }
}

describe('A real schema registry', { timeout: 240_000, skip }, () => {
  const registry = schemaRegistry({ url })

  it('registers, looks up, lists, and gives what it knows', async () => {
    const subject = unique('orders/value')
    const order = asAvro(record(unique('Order').replaceAll('-', '_'), { id: 'string' }))
    assert.equal(await registry.lookup(subject, order), undefined)
    const id = await registry.register(subject, order)
    assert.equal(await schemaRegistry({ url }).register(subject, order), id)
    const latest = await registry.version(subject, 'latest')
    assert.deepEqual([latest.subject, latest.version, latest.id], [subject, 1, id])
    assert.deepEqual(JSON.parse(latest.schema.text), JSON.parse(order.text))
    assert.equal((await registry.lookup(subject, order))?.id, id)
    assert.deepEqual(await registry.versions(subject), [1])
    assert.ok((await registry.subjects()).includes(subject))
    const { type, text, needs } = await registry.schema(id)
    assert.deepEqual([type, JSON.parse(text), needs], ['AVRO', JSON.parse(order.text), []])
  })

  it('says what is not there, and what breaks the rule of a subject', async () => {
    const subject = unique('orders-value')
    const quick = schemaRegistry({ url, retries: 0 })
    const code = (wanted: string) => (error: unknown) =>
      error instanceof RegistryError && error.code === wanted
    await assert.rejects(quick.schema(2_000_000_000), code('not-found'))
    await assert.rejects(quick.version(subject, 'latest'), code('not-found'))
    await assert.rejects(
      schemaRegistry({ url: url.replace('/ccompat', '/nothing'), retries: 0 }).subjects(),
      RegistryError,
    )
    const name = unique('Order').replaceAll('-', '_')
    await registry.register(subject, asAvro(record(name, { id: 'string' })))
    await registry.setCompatibility('BACKWARD', subject)
    assert.equal(await registry.compatibility(subject), 'BACKWARD')
    const broken = asAvro(record(name, { id: 'string', more: 'int' }))
    const { compatible, reasons } = await registry.check(subject, broken)
    assert.equal(compatible, false)
    assert.ok(reasons.length > 0)
    await assert.rejects(registry.register(subject, broken), code('incompatible'))
    const fine = asAvro(record(name, {}))
    assert.equal((await registry.check(subject, fine)).compatible, true)
    await registry.register(subject, fine)
    assert.deepEqual(await registry.versions(subject), [1, 2])
  })

  it('resolves references of Avro and of Protobuf', async () => {
    const money = unique('money')
    await registry.register(money, asAvro(record(`${money.replaceAll('-', '_')}.Money`, { cents: 'long' })))
    const type = `${money.replaceAll('-', '_')}.Money`
    const carts = avro({
      registry,
      schema: record('Cart', { total: type }),
      references: [{ name: type, subject: money, version: 1 }],
    }).forTopic({ topic: unique('carts'), part: 'value' })
    await carts.preparation!.forWriting()
    const bytes = carts.serialize({ total: { cents: 5 } })
    const generic = avro({ registry: schemaRegistry({ url }) }).forTopic({ topic: 'carts', part: 'value' })
    await generic.preparation!.forReading(bytes, 0, bytes.length)
    assert.deepEqual(generic.deserialize(bytes, 0, bytes.length), { total: { cents: 5 } })

    const file = unique('price')
    await registry.register(file, {
      type: 'PROTOBUF',
      text: 'syntax = "proto3"; package shop; message Price { int64 cents = 1; }',
    })
    const orders = protobuf({
      registry,
      schema: 'syntax = "proto3"; package shop; import "price.proto"; message Order { Price price = 1; }',
      references: [{ name: 'price.proto', subject: file, version: 1 }],
    }).forTopic({ topic: unique('orders'), part: 'value' })
    await orders.preparation!.forWriting()
    const written = orders.serialize({ price: { cents: 5 } })
    const reader = protobuf({ registry: schemaRegistry({ url }) }).forTopic({
      topic: 'orders',
      part: 'value',
    })
    await reader.preparation!.forReading(written, 0, written.length)
    assert.deepEqual(reader.deserialize(written, 0, written.length), { price: { cents: 5 } })
  })

  it('serves a pipeline on Kafka whose records change their schema under way', async () => {
    const app = unique('formats')
    interface Order {
      readonly item: string
      readonly amount: number
      readonly at: number
    }
    const at = { type: 'long', logicalType: 'timestamp-millis' }
    const first = record('Order', { item: 'string', amount: 'int', at })
    const second = {
      ...first,
      fields: [
        ...first.fields.filter(({ name }) => name !== 'amount'),
        { name: 'amount', type: 'long' },
        { name: 'note', type: 'string', default: '' },
      ],
    }
    const declare = (schema: object, of = registry) =>
      topic(`${app}-orders`, {
        value: avro<Order>({ registry: of, schema }),
        keySerde: avro<string>({ registry: of, schema: 'string' }),
        key: 'item',
        timestamp: 'at',
        partitions: 2,
      })
    const totals = topic(`${app}-totals`, {
      value: protobuf<{ item: string; orders: number; amount: number }>({
        registry,
        schema: 'syntax = "proto3"; message Total { string item = 1; int32 orders = 2; int64 amount = 3; }',
      }),
    })
    const audit = topic(`${app}-audit`, {
      value: jsonSchema<Order>({
        registry,
        schema: {
          title: 'Order',
          type: 'object',
          properties: { item: { type: 'string' } },
          required: ['item'],
        },
      }),
    })
    const plan = pipeline('shop', p => {
      // Knows neither the first writer's schema nor its registry's cache.
      const read = p.from(declare(second, schemaRegistry({ url })), { idle: 'never' })
      read.map(order => order).to(audit)
      read
        .byKey()
        .window(tumbling('1m'))
        .aggregate('per-item', { orders: count(), amount: sum('amount') })
        .emit('final')
        .map(({ key, orders, amount }) => ({ item: key as string, orders, amount }))
        .to(totals)
    })
    {
      await using sender = await start([], { app, brokers, createTopics: true })
      for (const schema of [first, second]) {
        for (let i = 0; i < 50; i++)
          await sender.send(declare(schema), { item: `item ${i % 5}`, amount: i, at: t0 + i })
      }
    }
    await using running = await start([plan], { app, brokers, once: true, createTopics: true })
    await Promise.race([running.failed, running.finished])
    const seen: { item: string; orders: number; amount: number }[] = []
    const audited: string[] = []
    const check = pipeline('check', p => {
      p.from(totals).forEach('total', total => void seen.push(total))
      p.from(audit).forEach('order', order => void audited.push(order.item))
    })
    await using checking = await start([check], { app, brokers, once: true })
    await Promise.race([checking.failed, checking.finished])
    seen.sort((a, b) => (a.item < b.item ? -1 : 1))
    const sums = [450, 470, 490, 510, 530]
    assert.deepEqual(
      seen,
      sums.map((amount, i) => ({ item: `item ${i}`, orders: 20, amount })),
    )
    assert.equal(audited.length, 100)
    const subjects = (await registry.subjects()).filter(subject => subject.startsWith(app))
    assert.deepEqual(subjects.sort(), [
      `${app}-audit-value`,
      `${app}-orders-key`,
      `${app}-orders-value`,
      `${app}-totals-value`,
    ])
    assert.deepEqual(await registry.versions(`${app}-orders-value`), [1, 2])
  })
})

describe("Java's own Avro and Protobuf", { timeout: 240_000, skip: skipJava }, () => {
  const registry = schemaRegistry({ url: url || 'http://localhost' })
  const known = record('shop.Order', {
    flag: 'boolean',
    n: 'int',
    long: 'long',
    float: 'float',
    double: 'double',
    text: 'string',
    bytes: 'bytes',
    kind: { type: 'enum', name: 'Kind', symbols: ['NEW', 'USED'] },
    fixed: { type: 'fixed', name: 'F', size: 2 },
    list: { type: 'array', items: 'long' },
    map: { type: 'map', values: 'int' },
    maybe: ['null', 'shop.Order'],
    price: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 },
  })
  const value = {
    flag: true,
    n: -5,
    long: -(2 ** 52) - 1,
    float: 0.5,
    double: -1e300,
    text: 'Größe 🚲',
    bytes: Buffer.from([0, 0xff, 0x41]),
    kind: 'USED',
    fixed: Buffer.from([1, 0xfe]),
    list: [1, -(2 ** 40), Number.MAX_SAFE_INTEGER],
    map: { a: 1, b: -2 },
    maybe: null as unknown,
    price: '-12.34',
  }
  const nested = { ...value, maybe: value }

  function plain(serialized: Uint8Array): string {
    return Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), serialized]).toString('hex')
  }

  it('read what Millrace writes as Avro, and write what it reads', async () => {
    const serde = avro({ schema: known })
    const schema = JSON.stringify(known)
    const later = {
      ...known,
      fields: [
        ...known.fields.filter(({ name }) => name !== 'n'),
        { name: 'added', type: 'int', default: 7 },
      ],
    }
    const hex = plain(serde.serialize(nested))
    const [json, evolved] = await javaFormats(
      ['avro-read', schema, schema, hex],
      ['avro-read', schema, JSON.stringify(later), hex],
    )
    const read = JSON.parse(json!)
    assert.equal(read.text, value.text)
    assert.equal(json!.includes('-4503599627370497'), true)
    assert.equal(read.maybe['shop.Order'].kind, 'USED')
    assert.equal(JSON.parse(evolved!).added, 7)
    const [written] = await javaFormats(['avro-write', '258', schema, json!])
    const bytes = Buffer.from(written!, 'hex')
    assert.equal(bytes.readUInt32BE(1), 258)
    assert.deepEqual(serde.deserialize(bytes, 5, bytes.length), nested)
    const resolved = avro({ schema: later, writtenWith: known }).deserialize(bytes, 5, bytes.length)
    assert.deepEqual([resolved.added, resolved.n, resolved.price], [7, undefined, '-12.34'])
  })

  it('read what Millrace writes as Protobuf, and write what it reads', { skip }, async () => {
    const schema = `syntax = "proto3"; package shop;
      message Other {}
      message Order {
        string id = 1; sint64 small_delta = 2; uint64 big = 3; repeated int32 packed = 4; map<string, int64> counts = 5;
        Kind kind = 6; bytes data = 7; double price = 8; oneof payment { string card = 9; Cash cash = 10; }
        fixed32 hash = 11; Order next = 12;
        message Cash { int32 cents = 1; }
      }
      enum Kind { UNKNOWN = 0; NEW = 1; }`
    const order = {
      id: 'Größe',
      smallDelta: -5,
      big: Number.MAX_SAFE_INTEGER,
      packed: [1, -2, 300],
      counts: { a: 3, '': -1 },
      kind: 'NEW',
      data: Buffer.from([0, 0xff]),
      price: -0.5,
      cash: { cents: 4 },
      hash: 0xffffffff,
    }
    const serde = protobuf({ registry, schema, message: 'Order' }).forTopic({
      topic: unique('java'),
      part: 'value',
    })
    await serde.preparation!.forWriting()
    const hex = Buffer.from(serde.serialize(order)).toString('hex')
    const [json] = await javaFormats(['proto-read', hex])
    assert.deepEqual(JSON.parse(json!), {
      ...order,
      smallDelta: '-5',
      big: String(Number.MAX_SAFE_INTEGER),
      counts: { a: '3', '': '-1' },
      data: 'AP8=',
    })
    const [written] = await javaFormats(['proto-write', String(Number.parseInt(hex.slice(2, 10), 16)), json!])
    const bytes = Buffer.from(written!, 'hex')
    assert.deepEqual(serde.deserialize(bytes, 0, bytes.length), order)
  })
})
