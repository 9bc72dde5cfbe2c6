import { decodeKey, encodeKey, type KeySerde, keyKindOf } from './key.ts'
import { KeyError, shown } from './key-error.ts'
import { KeyKind } from './serde.ts'
import { KeyBuffer } from './sink.ts'

const INT64_MIN = -(2n ** 63n)
const INT64_MAX = 2n ** 63n - 1n

/** The key serde that writes and reads keys of one kind by the general codec (SEMANTICS 5.1). */
function ofKind<K>(id: string, kind: KeyKind): KeySerde<K> {
  return {
    id,
    kind,
    serialize(key) {
      const given = keyKindOf(key)
      if (given !== kind) throw new KeyError('bad-key', `${shown(key)} is not a key of type ${id}`)
      const buffer = new KeyBuffer(32)
      encodeKey(key, buffer)
      return buffer.toBytes()
    },
    deserialize: (bytes, start, end) => decodeKey(kind, bytes, start, end) as K,
  }
}

/** 4 bytes big-endian, as Kafka's `IntegerSerializer` writes them. */
const int32: KeySerde<number> = {
  id: 'int32',
  kind: KeyKind.serde,
  serialize(key) {
    if (keyKindOf(key) !== KeyKind.number || (key | 0) !== key) {
      throw new KeyError('bad-key', `${shown(key)} is not a whole number of 32 bits`)
    }
    const bytes = Buffer.alloc(4)
    bytes.writeInt32BE(key)
    return bytes
  },
  deserialize(bytes, start, end) {
    requireLength(end - start, 4, 'int32')
    return viewOf(bytes, start, 4).getInt32(0)
  },
}

/** 8 bytes big-endian, as Kafka's `LongSerializer` writes them. Safe whole numbers are taken too; reading gives bigints. */
const int64: KeySerde<bigint> = {
  id: 'int64',
  kind: KeyKind.serde,
  serialize(given) {
    const kind = keyKindOf(given)
    const key = kind === KeyKind.number && Number.isSafeInteger(given) ? BigInt(given) : given
    if (typeof key !== 'bigint' || key < INT64_MIN || key > INT64_MAX) {
      throw new KeyError('bad-key', `${shown(given)} is not a whole number of 64 bits`)
    }
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64BE(key)
    return bytes
  },
  deserialize(bytes, start, end) {
    requireLength(end - start, 8, 'int64')
    return viewOf(bytes, start, 8).getBigInt64(0)
  },
}

/** The key of one window. */
export interface WindowedKey<K> {
  readonly key: K
  /** Start of the window in ms since the epoch. */
  readonly start: number
}

const START_BYTES = 8

/** The key's bytes and the start as int64 big-endian, as Kafka Streams writes the keys of windows. */
function windowed<K>(inner: KeySerde<K>): KeySerde<WindowedKey<K>> {
  return {
    id: `windowed-${inner.id}`,
    kind: KeyKind.serde,
    serialize(given) {
      if (keyKindOf(given) !== KeyKind.json || !Number.isSafeInteger(given.start)) {
        throw new KeyError('bad-key', `${shown(given)} is not { key, start }`)
      }
      const { key, start } = given
      const bytes = inner.serialize(key)
      const whole = Buffer.alloc(bytes.length + START_BYTES)
      whole.set(bytes)
      whole.writeBigInt64BE(BigInt(start), bytes.length)
      return whole
    },
    deserialize(bytes, start, end) {
      const at = end - START_BYTES
      if (at < start)
        throw new KeyError('bad-bytes', `A windowed key has at least 8 bytes, this one has ${end - start}`)
      const windowStart = Number(viewOf(bytes, at, START_BYTES).getBigInt64(0))
      return { key: inner.deserialize(bytes, start, at), start: windowStart }
    },
  }
}

function viewOf(bytes: Uint8Array, start: number, length: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + start, length)
}

function requireLength(length: number, expected: number, id: string): void {
  if (length !== expected) {
    throw new KeyError('bad-bytes', `An ${id} key has ${expected} bytes, this one has ${length}`)
  }
}

/**
 * The key serdes that come with Millrace. `int32` and `int64` agree with Java clients, `windowed` with the
 * windowed keys of Kafka Streams and of `emit('updates')`; `json` is for objects and arrays. `serialize` throws `KeyError` for a value of another type.
 */
export const keys = {
  string: ofKind<string>('string', KeyKind.string),
  number: ofKind<number>('number', KeyKind.number),
  bigint: ofKind<bigint>('bigint', KeyKind.bigint),
  boolean: ofKind<boolean>('boolean', KeyKind.boolean),
  bytes: ofKind<Uint8Array>('bytes', KeyKind.bytes),
  json: <T extends object>(): KeySerde<T> => ofKind<T>('json', KeyKind.json),
  int32,
  int64,
  windowed,
} as const
