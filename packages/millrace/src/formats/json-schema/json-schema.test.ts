import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FormatError } from '../format-error.ts'
import { memoryRegistry } from '../registry/memory-registry.ts'
import { jsonSchema } from './json-schema.ts'

const place = { topic: 'orders', part: 'value' } as const
const order = {
  title: 'Order',
  type: 'object',
  properties: { id: { type: 'string' }, lines: { type: 'array', items: { type: 'integer' } } },
  required: ['id'],
}

function failure(reason: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof FormatError, String(error))
    assert.equal(error.reason, reason)
    assert.match(error.message, message)
    return true
  }
}

describe('JSON Schema', () => {
  test('takes what matches on both sides, and says where something does not', () => {
    const serde = jsonSchema({ schema: order })
    const bytes = serde.serialize({ id: 'ä', lines: [1] })
    assert.deepEqual(serde.deserialize(bytes, 0, bytes.length), { id: 'ä', lines: [1] })
    assert.throws(
      () => serde.serialize({ id: 'a', lines: [1.5] }),
      failure('schema', /lines\.0 must be integer/),
    )
    const read = (text: string) => serde.deserialize(Buffer.from(text), 0, Buffer.byteLength(text))
    assert.throws(() => read('{"lines":[]}'), failure('schema', /must have required property 'id'/))
    assert.throws(() => read('{"id":'), failure('malformed', /JSON/))
    assert.deepEqual(jsonSchema({ schema: order, validate: false }).deserialize(Buffer.from('5'), 0, 1), 5)
  })

  for (const draft of [
    'http://json-schema.org/draft-07/schema#',
    'https://json-schema.org/draft/2019-09/schema',
    'https://json-schema.org/draft/2020-12/schema',
  ]) {
    test(`knows ${draft}`, () => {
      const serde = jsonSchema({ schema: { $schema: draft, type: 'array', items: { type: 'integer' } } })
      assert.throws(() => serde.serialize(['a']), failure('schema', /0 must be integer/))
    })
  }

  test('says what is wrong with a schema', () => {
    assert.throws(() => jsonSchema({ schema: '{' }), failure('schema-unusable', /is not JSON/))
    assert.throws(
      () => jsonSchema({ schema: { type: 'nonsense' } }),
      failure('schema-unusable', /no JSON Schema/),
    )
    assert.throws(
      () => jsonSchema({ schema: { $ref: 'other.json' } }),
      failure('schema-unusable', /other\.json/),
    )
  })

  test('with a registry a value stands behind the id of its schema, and references are resolved', async () => {
    const registry = memoryRegistry()
    await registry.register('line', { type: 'JSON', text: '{"type":"integer"}' })
    const schema = {
      title: 'Cart',
      type: 'object',
      properties: { lines: { type: 'array', items: { $ref: 'line.json' } } },
    }
    const references = [{ name: 'line.json', subject: 'line', version: 1 }]
    const serde = jsonSchema({ registry, schema, references, subject: 'TopicRecordName' }).forTopic(place)
    await serde.preparation!.forWriting()
    const bytes = serde.serialize({ lines: [1] })
    assert.equal(Buffer.from(bytes).toString('latin1'), '\0\0\0\0\u0002{"lines":[1]}')
    assert.throws(
      () => serde.serialize({ lines: ['x'] }),
      failure('schema', /schema 2 .*lines\.0 must be integer/),
    )
    assert.deepEqual(await registry.subjects(), ['line', 'orders-Cart'])
    const generic = jsonSchema({ registry }).forTopic(place)
    const read = async (given: Uint8Array) => {
      await generic.preparation!.forReading(given, 0, given.length)
      return generic.deserialize(given, 0, given.length)
    }
    assert.deepEqual(await read(bytes), { lines: [1] })
    const wrong = Buffer.from('\0\0\0\0\u0002{"lines":["x"]}', 'latin1')
    await assert.rejects(read(wrong), failure('schema', /does not match schema 2: lines\.0 must be integer/))
  })
})
