import type { Serde } from './serde.ts'
import { readUtf8, utf8Bytes, writeUtf8 } from './utf8.ts'

const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Finite numbers as their shortest decimal text; −0 is written as 0. Reads any decimal text, throws `RangeError` for everything else. */
export function number(): Serde<number> {
  return {
    format: 'number',
    id: 'number',
    serialize: value => utf8Bytes(toText(value)),
    serializeInto: (value, sink) => writeUtf8(sink, toText(value)),
    deserialize(bytes, start, end) {
      const text = readUtf8(bytes, start, end)
      const value = DECIMAL.test(text) ? Number(text) : Number.NaN
      if (Number.isFinite(value)) return value
      throw new RangeError(`'${text.slice(0, 40)}' is not a number`)
    },
  }
}

function toText(value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value)) return `${value}`
  const what = typeof value === 'number' ? `${value}` : `a value of type ${typeof value}`
  throw new TypeError(`A topic of numbers cannot take ${what}`)
}
