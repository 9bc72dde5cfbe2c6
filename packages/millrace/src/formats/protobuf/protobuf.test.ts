import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import protobufjs from 'protobufjs'
import { FormatError } from '../format-error.ts'
import { memoryRegistry } from '../registry/memory-registry.ts'
import { protobuf } from './protobuf.ts'

const place = { topic: 'orders', part: 'value' } as const

function failure(reason: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof FormatError, String(error))
    assert.equal(error.reason, reason)
    assert.match(error.message, message)
    return true
  }
}

function proto(body: string): string {
  return `syntax = "proto3"; package shop; ${body}`
}

function roundTrip(schema: string, value: unknown, options: object = {}): unknown {
  const serde = protobuf({ schema, ...options })
  const bytes = serde.serialize(value)
  return serde.deserialize(bytes, 0, bytes.length)
}

/** What a reader of one schema makes of what a writer of another wrote. */
function across(written: string, wanted: string, value: unknown): unknown {
  const bytes = protobuf({ schema: written }).serialize(value)
  return protobuf({ schema: wanted }).deserialize(bytes, 0, bytes.length)
}

const everything = proto(`
  enum Kind { UNKNOWN = 0; NEW = 1; USED = 2; }
  message Everything {
    double a_double = 1; float a_float = 2; int32 an_int = 3; int64 a_long = 4; uint32 u_int = 5; uint64 u_long = 6;
    sint32 s_int = 7; sint64 s_long = 8; fixed32 f_int = 9; fixed64 f_long = 10; sfixed32 sf_int = 11; sfixed64 sf_long = 12;
    bool flag = 13; string text = 14; bytes data = 15; Kind kind = 16;
    repeated int32 packed = 17; repeated sint64 loose = 18 [packed = false]; repeated string texts = 19; repeated Kind kinds = 20;
    map<string, int64> counts = 21; map<int32, Everything> children = 22;
    Everything next = 23; optional int32 maybe = 24;
    oneof payment { string card = 25; Cash cash = 26; }
    message Cash { int32 cents = 1; }
  }`)

const int32 = fc.integer()
const uint32 = fc.nat(0xffffffff)
const kind = fc.constantFrom('UNKNOWN', 'NEW', 'USED')
const long = fc.maxSafeInteger()
const plain = {
  aDouble: fc.double(),
  aFloat: fc.float({ noNaN: true }),
  anInt: int32,
  aLong: long,
  uInt: uint32,
  uLong: fc.maxSafeNat(),
  sInt: int32,
  sLong: long,
  fInt: uint32,
  fLong: fc.maxSafeNat(),
  sfInt: int32,
  sfLong: long,
  flag: fc.boolean(),
  text: fc.string({ unit: 'grapheme' }),
  data: fc.uint8Array().map(bytes => Buffer.from(bytes)),
  kind,
  packed: fc.array(int32),
  loose: fc.array(long),
  texts: fc.array(fc.string()),
  kinds: fc.array(kind),
  counts: fc.dictionary(fc.string({ maxLength: 4 }), long, { noNullPrototype: true }),
}
const noNullPrototype = { noNullPrototype: true }
const leaf = fc.record({ ...plain, children: fc.constant({}) }, noNullPrototype)
const message = fc
  .record(
    {
      ...plain,
      children: fc.dictionary(int32.map(String), leaf, { maxKeys: 2, noNullPrototype: true }),
      next: fc.option(leaf, { nil: undefined }),
      maybe: fc.option(int32, { nil: undefined }),
      payment: fc.oneof(
        fc.constant({}),
        fc.record({ card: fc.string() }, noNullPrototype),
        fc.record({ cash: fc.record({ cents: int32 }, noNullPrototype) }, noNullPrototype),
      ),
    },
    noNullPrototype,
  )
  .map(({ payment, next, maybe, ...rest }) => ({
    ...rest,
    ...payment,
    ...(next === undefined ? {} : { next }),
    ...(maybe === undefined ? {} : { maybe }),
  }))

describe('Protobuf', () => {
  test('reads back what it wrote, of every type, and agrees with another implementation both ways', () => {
    const serde = protobuf({ schema: everything, message: 'Everything' })
    const other = protobufjs.parse(everything, new protobufjs.Root()).root.lookupType('shop.Everything')
    fc.assert(
      fc.property(message, value => {
        const bytes = Buffer.from(serde.serialize(value))
        const batch = Buffer.concat([bytes, Buffer.from([1, 2, 3])])
        const read = serde.deserialize(batch, 0, bytes.length)
        batch.fill(0xff)
        assert.deepEqual(read, value)
        const theirs = other.encode(other.decode(bytes)).finish()
        assert.deepEqual(serde.deserialize(theirs, 0, theirs.length), value)
      }),
    )
  })

  test('reads what is absent as zero, or as absent where the schema can tell', () => {
    const read = protobuf({ schema: everything }).deserialize(new Uint8Array(0), 0, 0)
    const { aDouble, aLong, flag, text, data, kind, packed, counts } = read
    assert.deepEqual(
      { aDouble, aLong, flag, text, data, kind, packed, counts },
      {
        aDouble: 0,
        aLong: 0,
        flag: false,
        text: '',
        data: Buffer.alloc(0),
        kind: 'UNKNOWN',
        packed: [],
        counts: {},
      },
    )
    for (const name of ['next', 'maybe', 'card', 'cash']) assert.ok(!(name in read), name)
    assert.deepEqual(roundTrip(proto('message A { optional int32 n = 1; }'), { n: 0 }), { n: 0 })
  })

  test('reads 64 bits as bigints where asked to', () => {
    const schema = proto('message A { int64 a = 1; uint64 b = 2; repeated sfixed64 c = 3; }')
    const value = { a: -(2n ** 63n), b: 2n ** 64n - 1n, c: [2n ** 63n - 1n] }
    assert.deepEqual(roundTrip(schema, value, { longs: 'bigint' }), value)
    assert.throws(
      () => roundTrip(schema, value),
      failure('malformed', /beyond 2\^53: read it with longs: 'bigint'/),
    )
  })

  test('reads fields by their numbers, whatever else a writer has', () => {
    const old = proto('message A { string id = 1; int32 n = 2; string gone = 3; }')
    const now = proto('message A { string key = 1; int64 n = 2; string note = 4; repeated int32 list = 5; }')
    assert.deepEqual(across(old, now, { id: 'a', n: -5, gone: 'x' }), { key: 'a', n: -5, note: '', list: [] })
    const loose = proto('message A { repeated int32 n = 1 [packed = false]; }')
    const packed = proto('message A { repeated int32 n = 1; }')
    assert.deepEqual(across(loose, packed, { n: [1, 2] }), { n: [1, 2] })
    assert.deepEqual(across(packed, loose, { n: [1, 2] }), { n: [1, 2] })
  })

  test('keeps the number of an enum value that it does not know', () => {
    const newer = proto('message A { K k = 1; } enum K { NONE = 0; ADDED = 7; }')
    const older = proto('message A { K k = 1; } enum K { NONE = 0; }')
    assert.deepEqual(across(newer, older, { k: 'ADDED' }), { k: 7 })
    assert.deepEqual(roundTrip(older, { k: 7 }), { k: 7 })
  })

  test('puts a message together that comes in parts, and takes the last of a oneof', () => {
    const schema = proto(
      'message A { B b = 1; oneof x { int32 i = 2; string s = 3; } } message B { int32 m = 1; int32 n = 2; }',
    )
    const serde = protobuf({ schema, message: 'A' })
    const parts = [
      { b: { m: 1 }, i: 5 },
      { b: { n: 2 }, s: 'last' },
    ].map(each => serde.serialize(each))
    const bytes = Buffer.concat(parts)
    assert.deepEqual(serde.deserialize(bytes, 0, bytes.length), { b: { m: 1, n: 2 }, s: 'last' })
  })

  test("reads and writes proto2's required fields and groups", () => {
    const schema =
      'syntax = "proto2"; message A { required int32 n = 1; repeated group Line = 2 { optional string text = 3; } }'
    const value = { n: 0, line: [{ text: 'a' }, { text: 'b' }] }
    assert.deepEqual(roundTrip(schema, value, { message: 'A' }), value)
    assert.throws(() => roundTrip(schema, { line: [] }), failure('schema', /required field n/))
    assert.throws(
      () => protobuf({ schema }).deserialize(new Uint8Array(0), 0, 0),
      failure('malformed', /required field n/),
    )
  })

  test("knows Google's types, and takes other files that are imported", () => {
    const order = `syntax = "proto3"; package shop; import "google/protobuf/timestamp.proto"; import "money.proto";
      message Order { google.protobuf.Timestamp at = 1; shop.Money price = 2; }`
    const money = proto('message Money { int64 cents = 1; }')
    const value = { at: { seconds: 1_700_000_000, nanos: 5 }, price: { cents: 199 } }
    assert.deepEqual(roundTrip(order, value, { imports: [money] }), value)
    assert.throws(() => protobuf({ schema: order }), failure('schema-unusable', /Money/))
  })

  test('refuses a value that does not fit, and never cuts one to size', () => {
    const refused = (value: object, message: RegExp) =>
      assert.throws(() => roundTrip(everything, value), failure('schema', message))
    refused({ anInt: 2 ** 31 }, /anInt: 2147483648 is no int32/)
    refused({ uInt: -1 }, /uInt: -1 is no uint32/)
    refused({ aLong: 1.5 }, /aLong: 1.5 is no int64/)
    refused({ aLong: 2n ** 63n }, /is no int64/)
    refused({ text: 5 }, /text: 5 is no string/)
    refused({ flag: 1 }, /flag: 1 is no bool/)
    refused({ data: 'abc' }, /data: "abc" is no bytes/)
    refused({ kind: 'BROKEN' }, /kind: "BROKEN" is no one of UNKNOWN, NEW, USED/)
    refused({ next: { packed: [1, 'x'] } }, /next\.packed\.1: "x" is no int32/)
    refused({ counts: { a: 'x' } }, /counts\.a: "x" is no int64/)
    refused({ children: { one: {} } }, /children\.one: "one" is no int32/)
    refused({ card: 'a', cash: {} }, /both card and cash/)
    assert.throws(() => roundTrip(everything, 'text'), failure('schema', /is no a message shop.Everything/))
  })

  test('refuses bytes that are no message: cut anywhere, or changed, it throws nothing else', () => {
    const serde = protobuf({ schema: everything, message: 'Everything' })
    const bytes = serde.serialize({ text: 'abc', next: { texts: ['a', 'b'] }, counts: { a: 1 } })
    for (let end = 1; end < bytes.length; end++) {
      try {
        serde.deserialize(bytes, 0, end)
      } catch (error) {
        failure('malformed', /./)(error)
      }
    }
    assert.throws(() => serde.deserialize(bytes, 0, 4), failure('malformed', /./))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), given => {
        try {
          serde.deserialize(given, 0, given.length)
        } catch (error) {
          failure('malformed', /./)(error)
        }
      }),
    )
  })

  test('says what is wrong with a schema', () => {
    assert.throws(() => protobuf({ schema: 'message {' }), failure('schema-unusable', /no Protobuf schema/))
    assert.throws(() => protobuf({ schema: proto('') }), failure('schema-unusable', /has no message/))
    assert.throws(
      () => protobuf({ schema: proto('message A {}'), message: 'B' }),
      failure('schema-unusable', /has no message B; it has shop.A/),
    )
  })
})

describe('Protobuf with a registry', () => {
  const nested = proto(
    'message A { int32 n = 1; } enum E { Z = 0; } message B { message C { int32 n = 1; } message D { int32 n = 1; } }',
  )

  test('says which message of the schema a value is', async () => {
    const registry = memoryRegistry()
    const expected = [
      ['A', [0, 0, 0, 0, 1, 0, 8, 5]],
      ['B.D', [0, 0, 0, 0, 1, 4, 2, 2, 8, 5]],
      ['shop.B.C', [0, 0, 0, 0, 1, 4, 2, 0, 8, 5]],
    ] as const
    for (const [message, wire] of expected) {
      const serde = protobuf({ registry, schema: nested, message }).forTopic(place)
      await serde.preparation!.forWriting()
      const bytes = serde.serialize({ n: 5 })
      assert.deepEqual([...bytes], wire)
      const generic = protobuf({ registry }).forTopic(place)
      await generic.preparation!.forReading(bytes, 0, bytes.length)
      assert.deepEqual(generic.deserialize(bytes, 0, bytes.length), { n: 5 })
      const long = Uint8Array.of(...wire.slice(0, 5), 2, 0, 8, 5)
      assert.deepEqual(generic.deserialize(long, 0, long.length), { n: 5 })
    }
    const generic = protobuf({ registry }).forTopic(place)
    const wrong = Uint8Array.of(0, 0, 0, 0, 1, 2, 14)
    await generic.preparation!.forReading(wrong, 0, wrong.length)
    assert.throws(() => generic.deserialize(wrong, 0, wrong.length), failure('malformed', /no message at 7/))
    assert.throws(() => generic.deserialize(wrong, 0, 5), failure('malformed', /which message/))
  })

  test('refuses another message than its own, and names both', async () => {
    const registry = memoryRegistry()
    const writer = protobuf({ registry, schema: nested, message: 'B.C' }).forTopic(place)
    await writer.preparation!.forWriting()
    const bytes = writer.serialize({ n: 1 })
    const reader = protobuf({ registry, schema: nested }).forTopic(place)
    await reader.preparation!.forReading(bytes, 0, bytes.length)
    assert.throws(
      () => reader.deserialize(bytes, 0, bytes.length),
      failure('schema-incompatible', /message shop\.B\.C, and the topic's are shop\.A/),
    )
  })

  test('imports are references, and the subject may be named by the message', async () => {
    const registry = memoryRegistry()
    await registry.register('money', { type: 'PROTOBUF', text: proto('message Money { int64 cents = 1; }') })
    const schema = `syntax = "proto3"; package shop; import "money.proto"; message Order { Money price = 1; }`
    const references = [{ name: 'money.proto', subject: 'money', version: 1 }]
    const serde = protobuf({ registry, schema, references, subject: 'RecordName' }).forTopic(place)
    await serde.preparation!.forWriting()
    const bytes = serde.serialize({ price: { cents: 5 } })
    const generic = protobuf({ registry }).forTopic(place)
    await generic.preparation!.forReading(bytes, 0, bytes.length)
    assert.deepEqual(generic.deserialize(bytes, 0, bytes.length), { price: { cents: 5 } })
    assert.deepEqual(await registry.subjects(), ['money', 'shop.Order'])
  })
})
