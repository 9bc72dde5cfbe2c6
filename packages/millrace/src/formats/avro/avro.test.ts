import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { KeyBuffer } from '../../serde/sink.ts'
import { FormatError } from '../format-error.ts'
import { avro } from './avro.ts'

function record(name: string, fields: Record<string, unknown>, more: object = {}) {
  return {
    type: 'record',
    name,
    fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
    ...more,
  }
}

function roundTrip(schema: object | string, value: unknown, options: object = {}): unknown {
  const serde = avro({ schema, ...options })
  const bytes = serde.serialize(value)
  return serde.deserialize(bytes, 0, bytes.length)
}

/** What a reader of one schema makes of what a writer of another wrote. */
function resolved(written: object | string, wanted: object | string, value: unknown): unknown {
  const bytes = avro({ schema: written }).serialize(value)
  return avro({ schema: wanted, writtenWith: written }).deserialize(bytes, 0, bytes.length)
}

function failure(reason: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof FormatError, String(error))
    assert.equal(error.reason, reason)
    assert.match(error.message, message)
    return true
  }
}

const timestamp = { type: 'long', logicalType: 'timestamp-millis' }
const decimal = (precision: number, scale: number) => ({
  type: 'bytes',
  logicalType: 'decimal',
  precision,
  scale,
})

describe('Avro', () => {
  test('reads back what it wrote, of every type', () => {
    const everything = record('shop.Everything', {
      nothing: 'null',
      flag: 'boolean',
      int: 'int',
      long: 'long',
      float: 'float',
      double: 'double',
      text: 'string',
      bytes: 'bytes',
      kind: { type: 'enum', name: 'Kind', symbols: ['new', 'used'] },
      id: { type: 'fixed', name: 'Id', size: 3 },
      tags: { type: 'array', items: 'string' },
      counts: { type: 'map', values: 'int' },
      maybe: ['null', 'string'],
      at: timestamp,
    })
    const value = fc.record(
      {
        nothing: fc.constant(null),
        flag: fc.boolean(),
        int: fc.integer(),
        long: fc.maxSafeInteger(),
        float: fc.float({ noNaN: true }),
        double: fc.double(),
        text: fc.string({ unit: 'grapheme' }),
        bytes: fc.uint8Array({ maxLength: 400 }).map(bytes => Buffer.from(bytes)),
        kind: fc.constantFrom('new', 'used'),
        id: fc.uint8Array({ minLength: 3, maxLength: 3 }).map(bytes => Buffer.from(bytes)),
        tags: fc.array(fc.string()),
        counts: fc.dictionary(fc.string({ maxLength: 5 }), fc.integer(), { noNullPrototype: true }),
        maybe: fc.option(fc.string()),
        at: fc.maxSafeNat(),
      },
      { noNullPrototype: true },
    )
    const serde = avro({ schema: everything })
    fc.assert(
      fc.property(value, given => {
        const sink = new KeyBuffer(1)
        sink.ensure(3)
        sink.position = 3
        serde.serializeInto!(given, sink)
        const end = sink.position
        // What lies behind a record in a batch is not its own.
        sink.ensure(8)
        const read = serde.deserialize(sink.buffer, 3, end)
        sink.buffer.fill(0xff)
        assert.deepEqual(read, given)
      }),
    )
  })

  test('gives plain objects, which compare and freeze', () => {
    const inner = record('Inner', { n: 'int' })
    const value = roundTrip(record('Outer', { inner, list: { type: 'array', items: 'Inner' } }), {
      inner: { n: 1 },
      list: [{ n: 2 }],
    })
    assert.deepEqual(value, { inner: { n: 1 }, list: [{ n: 2 }] })
    assert.equal(Object.getPrototypeOf((value as any).inner), Object.prototype)
  })

  test('reads recursive types', () => {
    const tree = record('Tree', { n: 'int', next: ['null', 'Tree'] })
    const value = { n: 1, next: { n: 2, next: null } }
    assert.deepEqual(roundTrip(tree, value), value)
  })

  test('names the branch of a union only where the kinds of its branches are the same', () => {
    const plain = ['null', 'int', 'string', record('A', { n: 'int' })]
    for (const value of [null, 5, 'five', { n: 5 }]) assert.deepEqual(roundTrip(plain, value), value)
    const alike = [record('shop.A', { n: 'int' }), record('shop.B', { n: 'int' })]
    assert.deepEqual(roundTrip(alike, { 'shop.B': { n: 1 } }), { 'shop.B': { n: 1 } })
  })

  test('fills in the defaults of fields that a value lacks', () => {
    const schema = {
      type: 'record',
      name: 'A',
      fields: [
        { name: 'n', type: 'int', default: 7 },
        { name: 'maybe', type: ['null', 'string'], default: null },
      ],
    }
    assert.deepEqual(roundTrip(schema, {}), { n: 7, maybe: null })
  })

  test('loses nothing of a long up to 2^53', () => {
    const edges = [0, 2 ** 27, 2 ** 28, 2 ** 31, 2 ** 35, 2 ** 52, Number.MAX_SAFE_INTEGER - 1].flatMap(n => [
      n,
      n + 1,
    ])
    for (const n of [...edges, ...edges.map(each => -each - 1)]) {
      if (!Number.isSafeInteger(n)) continue
      assert.equal(roundTrip('long', n), n)
      assert.equal(resolved('long', 'double', n), n)
      const bytes = avro({ schema: 'long' }).serialize(n)
      assert.equal(avro({ schema: 'long', longs: 'bigint' }).deserialize(bytes, 0, bytes.length), BigInt(n))
    }
    assert.throws(() => roundTrip('long', 2 ** 53), failure('schema', /is no long/))
  })

  test('reads longs as bigints where asked to, times excepted', () => {
    const schema = record('A', {
      n: 'long',
      maybe: ['null', 'long'],
      list: { type: 'array', items: 'long' },
      at: timestamp,
    })
    const value = { n: 2n ** 63n - 1n, maybe: -(2n ** 63n), list: [1n], at: 1_700_000_000_000 }
    assert.deepEqual(roundTrip(schema, value, { longs: 'bigint' }), value)
    assert.deepEqual(roundTrip('long', 5, { longs: 'bigint' }), 5n)
    const bytes = avro({ schema: 'long', longs: 'bigint' }).serialize(2n ** 60n)
    assert.throws(
      () => avro({ schema: 'long' }).deserialize(bytes, 0, bytes.length),
      failure('malformed', /beyond 2\^53: read it with longs: 'bigint'/),
    )
  })

  test('reads decimals as texts, which lose nothing', () => {
    const schema = record('A', {
      price: decimal(20, 2),
      maybe: ['null', decimal(4, 0)],
      small: { type: 'fixed', name: 'F', size: 2, logicalType: 'decimal', precision: 4, scale: 3 },
    })
    const value = { price: '-123456789012345678.90', maybe: '17', small: '-9.999' }
    assert.deepEqual(roundTrip(schema, value), value)
    const price = { price: 12.5, maybe: 17n, small: '+0.5' }
    assert.deepEqual(roundTrip(schema, price), { price: '12.50', maybe: '17', small: '0.500' })
    const refused = (part: object, message: RegExp) =>
      assert.throws(() => roundTrip(schema, { ...value, ...part }), failure('schema', message))
    refused({ price: '1.234' }, /price: "1.234" is no logical:decimal/)
    refused({ small: '12' }, /small: "12" is no/)
    refused({ price: 'much' }, /price: "much" is no/)
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 20n) + 1n, 10n ** 20n - 1n), fc.nat(20), (unscaled, scale) => {
        const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
        const at = digits.length - scale
        const text = `${unscaled < 0n ? '-' : ''}${digits.slice(0, at)}${scale > 0 ? `.${digits.slice(at)}` : ''}`
        assert.equal(roundTrip(decimal(20, scale), text), text)
      }),
    )
  })

  test('refuses a value that does not match, and says where', () => {
    const schema = record('shop.Order', {
      id: 'string',
      lines: { type: 'array', items: record('Line', { n: 'int' }) },
    })
    assert.throws(
      () => roundTrip(schema, { id: 'a', lines: [{ n: 1 }, { n: 1.5 }] }),
      failure('schema', /lines\.1\.n: 1\.5 is no int/),
    )
    assert.throws(() => roundTrip(schema, { lines: [] }), failure('schema', /id: undefined is no string/))
    const sink = new KeyBuffer(8)
    sink.position = 2
    assert.throws(() =>
      avro({ schema }).serializeInto!({ id: 'long enough to be written', lines: [1] }, sink),
    )
    assert.equal(sink.position, 2)
  })

  test('refuses bytes that are no whole value: never a value of the bytes behind', () => {
    const serde = avro({ schema: record('A', { text: 'string', n: 'int' }) })
    const bytes = serde.serialize({ text: 'abc', n: 300 })
    const batch = Buffer.concat([bytes, bytes])
    for (let end = 0; end < bytes.length; end++)
      assert.throws(() => serde.deserialize(batch, 0, end), failure('malformed', /too early|no value/))
    assert.throws(
      () => serde.deserialize(batch, 0, bytes.length + 1),
      failure('malformed', /1 bytes are left over/),
    )
  })

  test('says what is wrong with a schema', () => {
    const broken = (schema: string | object, message: RegExp) =>
      assert.throws(() => avro({ schema }), failure('schema-unusable', message))
    broken('{"type":', /no Avro schema/)
    broken({ type: 'recrod', name: 'A' }, /unknown type: "recrod"/)
    broken(record('A', { b: 'B' }), /undefined type name: B/)
  })
})

describe('Avro: records of one schema read as those of another', () => {
  const v1 = record('Order', { id: 'string', n: 'int' })

  test('a field that was added has its default', () => {
    const wanted = { ...v1, fields: [...v1.fields, { name: 'note', type: 'string', default: 'none' }] }
    assert.deepEqual(resolved(v1, wanted, { id: 'a', n: 1 }), { id: 'a', n: 1, note: 'none' })
  })

  test('a field that was removed is passed over, whatever its type', () => {
    const written = record('Order', {
      deep: { type: 'map', values: { type: 'array', items: 'long' } },
      id: 'string',
    })
    assert.deepEqual(resolved(written, record('Order', { id: 'string' }), { deep: { a: [1, 2] }, id: 'x' }), {
      id: 'x',
    })
  })

  for (const [from, to, value, read] of [
    ['int', 'long', 5, 5],
    ['int', 'float', 5, 5],
    ['int', 'double', 5, 5],
    ['long', 'float', 5, 5],
    ['long', 'double', 2 ** 40, 2 ** 40],
    ['float', 'double', 0.5, 0.5],
    ['string', 'bytes', 'ab', Buffer.from('ab')],
    ['bytes', 'string', Buffer.from('ab'), 'ab'],
  ] as const) {
    test(`${from} is read as ${to}`, () => {
      assert.deepEqual(resolved(record('A', { x: from }), record('A', { x: to }), { x: value }), { x: read })
    })
  }

  test('a field and a record that were renamed are found by their aliases', () => {
    const wanted = {
      type: 'record',
      name: 'Purchase',
      aliases: ['Order'],
      fields: [
        { name: 'key', aliases: ['id'], type: 'string' },
        { name: 'n', type: 'int' },
      ],
    }
    assert.deepEqual(resolved(v1, wanted, { id: 'a', n: 1 }), { key: 'a', n: 1 })
  })

  test('a field that became optional is read', () => {
    const optional = record('Order', { id: ['null', 'string'], n: 'int' })
    assert.deepEqual(resolved(v1, optional, { id: 'a', n: 1 }), { id: 'a', n: 1 })
  })

  test('a symbol that the reader lacks is its default', () => {
    const kind = (symbols: string[], more = {}) => ({ type: 'enum', name: 'Kind', symbols, ...more })
    assert.equal(resolved(kind(['a', 'b']), kind(['a', 'other'], { default: 'other' }), 'b'), 'other')
  })

  test('decimals keep their scale, and a namespace may change', () => {
    assert.equal(resolved(decimal(6, 2), decimal(9, 2), '1.25'), '1.25')
    assert.deepEqual(resolved(record('a.Order', { n: 'int' }), record('b.Order', { n: 'int' }), { n: 1 }), {
      n: 1,
    })
  })

  for (const [what, written, wanted] of [
    [
      'a field is optional no more',
      record('Order', { id: ['null', 'string'] }),
      record('Order', { id: 'string' }),
    ],
    ['a field without default is missing', v1, record('Order', { id: 'string', n: 'int', more: 'string' })],
    ['a type was changed', v1, record('Order', { id: 'string', n: 'string' })],
    ['a number would become narrower', record('A', { n: 'long' }), record('A', { n: 'int' })],
    ['the record is another', v1, record('Cart', { id: 'string', n: 'int' })],
    [
      'a fixed has another size',
      { type: 'fixed', name: 'F', size: 2 },
      { type: 'fixed', name: 'F', size: 3 },
    ],
    [
      'a symbol is missing',
      { type: 'enum', name: 'K', symbols: ['a', 'b'] },
      { type: 'enum', name: 'K', symbols: ['a'] },
    ],
    ['a decimal has another scale', decimal(6, 2), decimal(6, 3)],
  ] as const) {
    test(`is refused with both schemas when ${what}`, () => {
      assert.throws(
        () => avro({ schema: wanted, writtenWith: written }),
        (error: FormatError) => {
          failure('schema-incompatible', /cannot be read as the topic's own schema/)(error)
          const shown = (schema: object) => /"(name|logicalType)":"(\w+)/.exec(JSON.stringify(schema))![2]!
          assert.ok(
            error.message.includes(shown(written)) && error.message.includes(shown(wanted)),
            error.message,
          )
          return true
        },
      )
    })
  }
})
