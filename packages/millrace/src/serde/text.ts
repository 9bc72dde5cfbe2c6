import type { Serde } from './serde.ts'
import { readUtf8, utf8Bytes, writeUtf8 } from './utf8.ts'

/**
 * Text as UTF-8. Bytes that are not valid UTF-8 are read as U+FFFD and a lone surrogate is written as U+FFFD, as
 * Node does it; read `bytes()` where such records must be told apart.
 */
export function string(): Serde<string> {
  return {
    format: 'string',
    id: 'string',
    serialize: value => utf8Bytes(requireText(value)),
    serializeInto: (value, sink) => writeUtf8(sink, requireText(value)),
    deserialize: readUtf8,
  }
}

function requireText(value: unknown): string {
  if (typeof value === 'string') return value
  throw new TypeError(`A topic of strings cannot take a value of type ${typeof value}`)
}
