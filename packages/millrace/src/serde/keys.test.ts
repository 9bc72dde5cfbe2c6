import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { KeySerde } from './key.ts'
import { KeyError } from './key-error.ts'
import { keys } from './keys.ts'

type AnyKeySerde = { readonly id: string; serialize(key: unknown): Uint8Array }

function roundTrip<K>(serde: KeySerde<K>, key: K): K {
  const bytes = serde.serialize(key)
  const framed = Buffer.concat([Buffer.from('<<'), bytes, Buffer.from('>>')])
  return serde.deserialize(framed, 2, 2 + bytes.length)
}

describe('the key serdes', () => {
  it('[5.1] read back what they wrote, from the middle of a batch', () => {
    assert.equal(roundTrip(keys.string, 'kéy'), 'kéy')
    assert.equal(roundTrip(keys.number, 1.5), 1.5)
    assert.equal(roundTrip(keys.bigint, -(2n ** 70n)), -(2n ** 70n))
    assert.equal(roundTrip(keys.boolean, false), false)
    assert.deepEqual(roundTrip(keys.bytes, new Uint8Array([0, 255])), new Uint8Array([0, 255]))
    assert.deepEqual(roundTrip(keys.json<{ a: number }>(), { a: 1 }), { a: 1 })
    fc.assert(fc.property(fc.integer(), key => assert.equal(roundTrip(keys.int32, key), key)))
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), key =>
        assert.equal(roundTrip(keys.int64, key), key),
      ),
    )
  })

  it('[5.1] write int32 and int64 big-endian, as Java clients do', () => {
    assert.deepEqual([...keys.int32.serialize(-2)], [255, 255, 255, 254])
    assert.deepEqual([...keys.int64.serialize(258n)], [0, 0, 0, 0, 0, 0, 1, 2])
    assert.deepEqual([...keys.int64.serialize(258 as never)], [0, 0, 0, 0, 0, 0, 1, 2])
  })

  it('[5.8] write and read windowed keys as Kafka Streams does', () => {
    const serde = keys.windowed(keys.string)
    const bytes = serde.serialize({ key: 'a', start: 258 })
    assert.deepEqual([...bytes], [97, 0, 0, 0, 0, 0, 0, 1, 2])
    assert.deepEqual(serde.deserialize(bytes, 0, bytes.length), { key: 'a', start: 258 })
    assert.throws(() => serde.deserialize(bytes, 0, 7), KeyError)
  })

  it('[5.1] refuse a key of another type, and out of range', () => {
    const refused: [AnyKeySerde, unknown][] = [
      [keys.string, 1],
      [keys.number, '1'],
      [keys.bigint, 1],
      [keys.boolean, 'true'],
      [keys.bytes, 'x'],
      [keys.json(), 'x'],
      [keys.int32, 2 ** 31],
      [keys.int32, 1.5],
      [keys.int32, '1'],
      [keys.int64, 2n ** 63n],
      [keys.int64, 1.5],
      [keys.windowed(keys.string), 'a'],
      [keys.windowed(keys.string), { key: 'a', start: 'b' }],
    ]
    for (const [serde, key] of refused) {
      assert.throws(
        () => serde.serialize(key),
        (e: KeyError) => e.reason === 'bad-key',
        serde.id,
      )
      assert.throws(
        () => serde.serialize(null),
        (e: KeyError) => e.reason === 'no-key',
        serde.id,
      )
    }
  })

  it('[5.1] refuse int32 and int64 bytes of the wrong length', () => {
    assert.throws(() => keys.int32.deserialize(new Uint8Array(8), 0, 8), KeyError)
    assert.throws(() => keys.int64.deserialize(new Uint8Array(8), 0, 4), KeyError)
  })
})
