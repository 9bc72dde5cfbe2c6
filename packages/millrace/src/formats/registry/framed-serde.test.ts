import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { KeyBuffer } from '../../serde/sink.ts'
import { VirtualClock } from '../../std/clock.ts'
import { avro, type RegistryAvroOptions } from '../avro/avro.ts'
import { AvroLanguage } from '../avro/avro-language.ts'
import { FormatError } from '../format-error.ts'
import { FramedSerde } from './framed-serde.ts'
import { memoryRegistry } from './memory-registry.ts'
import type { SchemaRegistry } from './registry.ts'
import { RegistryError } from './registry-error.ts'

const order = { type: 'record', name: 'shop.Order', fields: [{ name: 'id', type: 'string' }] }
const orderText = JSON.stringify(order)
const value = { topic: 'orders', part: 'value' } as const

async function writing(
  options: RegistryAvroOptions,
  place: { topic: string; part: 'key' | 'value' } = value,
) {
  const serde = avro(options).forTopic(place)
  await serde.preparation!.forWriting()
  return serde
}

async function read(serde: ReturnType<typeof avro>, bytes: Uint8Array): Promise<unknown> {
  await serde.preparation!.forReading(bytes, 0, bytes.length)
  return serde.deserialize(bytes, 0, bytes.length)
}

describe('A serde with a registry', () => {
  test('writes a zero byte, the id in 4 bytes and the value', async () => {
    const registry = memoryRegistry()
    const serde = await writing({ registry, schema: order })
    assert.deepEqual([...serde.serialize({ id: 'a' })], [0, 0, 0, 0, 1, 2, 0x61])
    const sink = new KeyBuffer(2)
    sink.position = 1
    serde.serializeInto!({ id: 'a' }, sink)
    assert.deepEqual([...sink.buffer.subarray(1, sink.position)], [0, 0, 0, 0, 1, 2, 0x61])
    assert.throws(() => serde.serializeInto!({ id: 1 }, sink), FormatError)
    assert.equal(sink.position, 8)
  })

  test('reads ids of four bytes, the highest bit included', async () => {
    const asked: number[] = []
    const registry: SchemaRegistry = Object.assign(memoryRegistry(), {
      schema: async (id: number) => {
        asked.push(id)
        return { type: 'AVRO' as const, text: '"int"', needs: [] }
      },
    })
    const bytes = Uint8Array.of(0, 0xfe, 0xdc, 0xba, 0x98, 10)
    assert.equal(await read(avro({ registry }).forTopic(value), bytes), 5)
    assert.deepEqual(asked, [0xfedcba98])
  })

  test('registers under the subject of its strategy', async () => {
    const registry = memoryRegistry()
    await writing({ registry, schema: order })
    await writing({ registry, schema: order }, { topic: 'orders', part: 'key' })
    await writing({ registry, schema: order, subject: 'RecordName' })
    await writing({ registry, schema: order, subject: 'TopicRecordName' })
    await writing({
      registry,
      schema: order,
      subject: ({ topic, part, record }) => `${part} of ${topic}: ${record}`,
    })
    assert.deepEqual(await registry.subjects(), [
      'orders-key',
      'orders-shop.Order',
      'orders-value',
      'shop.Order',
      'value of orders: shop.Order',
    ])
    await assert.rejects(
      writing({ registry, schema: 'int', subject: 'RecordName' }),
      /needs the name of a record/,
    )
  })

  test('does not register where it may not, and says what to do', async () => {
    const registry = memoryRegistry()
    const never = { registry, schema: order, autoRegister: false }
    await assert.rejects(writing(never), (error: RegistryError) => {
      assert.equal(error.retriable, false)
      assert.match(error.message, /Subject orders-value .*autoRegister: true, or useLatestVersion: true/)
      return true
    })
    assert.deepEqual(await registry.subjects(), [])
    const id = await registry.register('orders-value', { type: 'AVRO', text: orderText })
    assert.equal((await writing(never)).serialize({ id: '' })[4], id)
  })

  test('writes with the newest version where it is asked to, or has no schema of its own', async () => {
    const registry = memoryRegistry()
    await assert.rejects(writing({ registry }), /no subject orders-value. Give the topic's serde a schema/)
    const newer = { ...order, fields: [...order.fields, { name: 'note', type: 'string', default: 'none' }] }
    await registry.register('orders-value', { type: 'AVRO', text: orderText })
    const id = await registry.register('orders-value', { type: 'AVRO', text: JSON.stringify(newer) })
    for (const options of [{ registry }, { registry, schema: order, useLatestVersion: true }]) {
      const serde = await writing(options)
      const bytes = serde.serialize({ id: 'a', note: 'hello' })
      assert.equal(bytes[4], id)
      assert.deepEqual(
        await read(serde, bytes),
        'schema' in options ? { id: 'a' } : { id: 'a', note: 'hello' },
      )
    }
    assert.deepEqual(await registry.versions('orders-value'), [1, 2])
  })

  test('takes the types that a schema refers to from their subjects', async () => {
    const registry = memoryRegistry()
    await registry.register('line', {
      type: 'AVRO',
      text: JSON.stringify({ type: 'record', name: 'shop.Line', fields: [{ name: 'n', type: 'int' }] }),
    })
    const cart = {
      type: 'record',
      name: 'shop.Cart',
      fields: [{ name: 'lines', type: { type: 'array', items: 'shop.Line' } }],
    }
    const references = [{ name: 'shop.Line', subject: 'line', version: 1 }]
    const serde = await writing({ registry, schema: cart, references })
    const bytes = serde.serialize({ lines: [{ n: 1 }] })
    assert.deepEqual(await read(serde, bytes), { lines: [{ n: 1 }] })
    assert.deepEqual(await read(avro({ registry }).forTopic(value), bytes), { lines: [{ n: 1 }] })
    const newer = { ...cart, fields: [...cart.fields, { name: 'note', type: 'string', default: '' }] }
    const reader = avro({ registry, schema: newer, references }).forTopic(value)
    assert.deepEqual(await read(reader, bytes), { lines: [{ n: 1 }], note: '' })
  })

  test('asks once for a schema, whoever needs it, and anew where the registry did not answer', async () => {
    const inner = memoryRegistry()
    let asked = 0
    let fails = true
    const registry: SchemaRegistry = Object.assign(memoryRegistry(), {
      schema: async (id: number) => {
        asked++
        if (fails) throw new RegistryError('unreachable', 'nobody is there')
        return inner.schema(id)
      },
    })
    const bytes = (await writing({ registry: inner, schema: order })).serialize({ id: 'a' })
    const serde = avro({ registry }).forTopic(value)
    const both = [1, 2].map(() => serde.preparation!.forReading(bytes, 0, bytes.length))
    await assert.rejects(Promise.all(both), /nobody is there/)
    assert.equal(asked, 1)
    fails = false
    assert.deepEqual(await read(serde, bytes), { id: 'a' })
    assert.equal(serde.preparation!.forReading(bytes, 0, bytes.length), undefined)
    assert.equal(asked, 2)
  })

  test('asks after a while again for an id that the registry did not know', async () => {
    const registry = memoryRegistry()
    const clock = new VirtualClock()
    const serde = new FramedSerde(new AvroLanguage(undefined, 'number'), { registry }, value, clock)
    const bytes = Uint8Array.of(0, 0, 0, 0, 1, 10)
    await assert.rejects(read(serde, bytes), /\(memory\) has no schema 1/)
    await registry.register('s', { type: 'AVRO', text: '"int"' })
    await assert.rejects(read(serde, bytes), /has no schema 1/)
    clock.advance(60_000)
    assert.equal(await read(serde, bytes), 5)
  })

  test('never waits by itself: what was not prepared is refused', () => {
    const registry = memoryRegistry()
    const refused = (run: () => unknown, message: RegExp) =>
      assert.throws(
        run,
        (error: FormatError) => error.reason === 'not-prepared' && message.test(error.message),
      )
    const serde = avro({ registry, schema: order })
    refused(() => serde.deserialize(Uint8Array.of(0, 0, 0, 0, 7), 0, 5), /Schema 7 was not fetched/)
    refused(() => serde.serialize({ id: 'a' }), /writes as part of a topic/)
    refused(() => serde.forTopic(value).serialize({ id: 'a' }), /values of orders are written with/)
  })
})
