import type { Serde } from './serde.ts'
import { copyBytes } from './sink.ts'

/** Bytes as they are. Both ways copy, so that nobody holds on to a batch. */
export function bytes(): Serde<Uint8Array> {
  return {
    format: 'bytes',
    id: 'bytes',
    serialize: value => copyBytes(requireBytes(value), 0, value.length),
    serializeInto(value, sink) {
      sink.ensure(requireBytes(value).length)
      sink.buffer.set(value, sink.position)
      sink.position += value.length
    },
    deserialize: copyBytes,
  }
}

function requireBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new TypeError(`A topic of bytes cannot take a value of type ${typeof value}; give a Uint8Array`)
}
