import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeKey, encodeKey, keyKindOf } from './key.ts'
import { KeyError, type KeyErrorReason } from './key-error.ts'
import { KeyKind } from './serde.ts'
import { KeyBuffer } from './sink.ts'

function bytesOf(key: unknown): string {
  const buffer = new KeyBuffer(1)
  encodeKey(key, buffer)
  return Buffer.from(buffer.toBytes()).toString('latin1')
}

function roundTrip(key: unknown): unknown {
  const buffer = new KeyBuffer(1)
  const kind = encodeKey(key, buffer)
  assert.equal(kind, keyKindOf(key))
  return decodeKey(kind, buffer.buffer, 0, buffer.position)
}

function fails(reason: KeyErrorReason, run: () => unknown): void {
  assert.throws(run, (error: unknown) => error instanceof KeyError && error.reason === reason)
}

const wellFormed = fc.string({ unit: 'binary' })
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map(n => (Object.is(n, -0) ? 0 : n))

describe('the key codec', () => {
  it('[5.1] writes strings as UTF-8, whatever their length', () => {
    fc.assert(
      fc.property(wellFormed, text => {
        assert.equal(bytesOf(text), Buffer.from(text, 'utf8').toString('latin1'))
        assert.equal(roundTrip(text), text)
      }),
    )
    for (const length of [0, 1, 23, 24, 25, 1000]) {
      assert.equal(roundTrip('x'.repeat(length)), 'x'.repeat(length))
      assert.equal(roundTrip(`${'x'.repeat(length)}é€😀`), `${'x'.repeat(length)}é€😀`)
    }
  })

  it('[5.1] reads every number back, from its shortest decimal text', () => {
    fc.assert(
      fc.property(fc.oneof(finite, fc.maxSafeInteger(), fc.integer({ min: 0, max: 2e9 })), value => {
        assert.equal(bytesOf(value), String(value))
        assert.equal(roundTrip(value), value)
      }),
    )
    for (const value of [0, 9, 10, 99, 100, 999_999_999, 1_000_000_000, 0.1, 1e21, 5e-324]) {
      assert.equal(bytesOf(value), String(value))
    }
  })

  it('[5.1] takes −0 for 0 and refuses NaN and ±Infinity', () => {
    assert.equal(bytesOf(-0), '0')
    for (const value of [Number.NaN, Infinity, -Infinity]) fails('bad-key', () => bytesOf(value))
    fails('bad-key', () => bytesOf({ a: [Number.NaN] }))
  })

  it('[5.1] reads bigints, booleans and bytes back as what they were', () => {
    fc.assert(
      fc.property(fc.oneof(fc.bigInt(), fc.boolean()), key => {
        assert.equal(bytesOf(key), String(key))
        assert.equal(roundTrip(key), key)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array(), key => {
        const back = roundTrip(key) as Uint8Array
        assert.deepEqual(new Uint8Array(back), key)
        assert.equal(back.constructor === Buffer, false)
      }),
    )
  })

  it('[5.1] gives objects equal bytes whatever the order their members were added in', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), object => {
        const names = Object.keys(object).reverse()
        const reordered = Object.fromEntries(names.map(name => [name, object[name]]))
        assert.equal(bytesOf({ in: [object] }), bytesOf({ in: [reordered] }))
        assert.equal(bytesOf(roundTrip([object])), bytesOf([object]))
        assert.ok(sameJson(roundTrip([object]), [object]))
      }),
    )
    assert.equal(
      bytesOf({ b: { d: 1, c: [2, { z: 1, y: 2 }] }, a: null }),
      '{"a":null,"b":{"c":[2,{"y":2,"z":1}],"d":1}}',
    )
  })

  it('[5.1] gives two keys of one kind equal bytes only if they are equal', () => {
    const sameKind = fc.oneof(
      fc.tuple(wellFormed, wellFormed),
      fc.tuple(finite, finite),
      fc.tuple(fc.bigInt(), fc.bigInt()),
      fc.tuple(
        fc.jsonValue().map(v => [v]),
        fc.jsonValue().map(v => [v]),
      ),
    )
    fc.assert(
      fc.property(sameKind, ([a, b]) => {
        const equal = typeof a === 'object' ? sameJson(a, b) : a === b
        assert.equal(bytesOf(a) === bytesOf(b), equal)
      }),
    )
  })

  it('[5.1] treats Dates, toJSON, undefined members and boxed values as JSON does', () => {
    assert.equal(bytesOf(new Date(0)), '"1970-01-01T00:00:00.000Z"')
    assert.equal(bytesOf({ at: new Date(0), gone: undefined }), '{"at":"1970-01-01T00:00:00.000Z"}')
    assert.equal(bytesOf([undefined, -0, new Number(3), new String('s')]), '[null,0,3,"s"]')
    assert.equal(bytesOf({ toJSON: () => ({ b: 1, a: 2 }) }), '{"a":2,"b":1}')
    fails('bad-key', () => bytesOf(new Date(Number.NaN)))
  })

  it('[5.1] keeps the members __proto__, constructor and toString as members', () => {
    const key = JSON.parse('{"toString":3,"constructor":2,"__proto__":{"b":1,"a":2}}')
    assert.equal(bytesOf(key), '{"__proto__":{"a":2,"b":1},"constructor":2,"toString":3}')
    const back = roundTrip(key) as object
    assert.equal(Object.getPrototypeOf(back), Object.prototype)
    assert.deepEqual(Object.keys(back), ['__proto__', 'constructor', 'toString'])
    for (const name of ['__proto__', 'constructor', 'toString']) assert.equal(roundTrip(name), name)
  })

  it('[5.1] writes a lone surrogate as U+FFFD, and keeps it in an object', () => {
    assert.equal(bytesOf('a\ud800'), bytesOf('a\ufffd'))
    assert.equal(bytesOf(`${'a'.repeat(30)}\udc00`), bytesOf(`${'a'.repeat(30)}\ufffd`))
    assert.notEqual(bytesOf(['\ud800']), bytesOf(['\ufffd']))
    assert.deepEqual(roundTrip(['\ud800']), ['\ud800'])
  })

  it('[5.1] answers null and undefined with reason no-key', () => {
    for (const key of [null, undefined]) {
      fails('no-key', () => bytesOf(key))
      fails('no-key', () => keyKindOf(key))
    }
  })

  it('[5.1] refuses what would be one key for many values', () => {
    const circular: { self?: object } = {}
    circular.self = circular
    const deep = JSON.parse('['.repeat(2000) + ']'.repeat(2000))
    const refused = [
      () => 1,
      Symbol('s'),
      { f: () => 1 },
      [Symbol('s')],
      circular,
      deep,
      { n: 1n },
      new Map(),
      new Set(),
      /x/,
    ]
    for (const key of refused) fails('bad-key', () => bytesOf(key))
  })

  it('leaves the sink where it stood when a key is refused, and appends otherwise', () => {
    const buffer = new KeyBuffer(1)
    encodeKey('a', buffer)
    fails('bad-key', () => encodeKey({ b: Number.NaN }, buffer))
    encodeKey(12, buffer)
    encodeKey('é', buffer)
    assert.equal(Buffer.from(buffer.toBytes()).toString(), 'a12é')
  })

  it('[5.1] refuses bytes that are not the one form of a number, bigint, boolean or JSON', () => {
    const read = (kind: KeyKind, text: string) => decodeKey(kind, Buffer.from(text), 0, text.length)
    for (const text of ['', ' 1', '1.0', '01', '0x1', 'NaN', 'Infinity', '-0', '1e3']) {
      fails('bad-bytes', () => read(KeyKind.number, text))
    }
    for (const text of ['', '01', '-0', '1.5', '+1']) fails('bad-bytes', () => read(KeyKind.bigint, text))
    fails('bad-bytes', () => read(KeyKind.boolean, 'TRUE'))
    fails('bad-bytes', () => read(KeyKind.json, '{'))
    fails('bad-bytes', () => read(KeyKind.serde, 'x'))
  })
})

function sameJson(a: unknown, b: unknown): boolean {
  try {
    assert.deepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)))
    return true
  } catch {
    return false
  }
}
