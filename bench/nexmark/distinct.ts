import { type Aggregate, custom } from 'millrace'

/** How many different whole numbers from 0 on a callback gave, exactly: a bit for each. Undefined is none. */
export function distinctIds<V>(idOf: (value: V) => number | undefined): Aggregate<V, number> {
  return custom<V, Bits, number>({
    init: () => ({ bytes: Buffer.alloc(0), count: 0 }),
    add(bits, value) {
      const id = idOf(value)
      return id === undefined ? bits : withId(bits, id)
    },
    result: ({ count }) => count,
    encode: ({ bytes, count }) => ({ bytes: bytes.toString('base64'), count }),
    decode: ({ bytes, count }) => ({ bytes: Buffer.from(bytes, 'base64'), count }),
    version: 1,
  })
}

interface Bits {
  bytes: Buffer
  count: number
}

function withId(bits: Bits, id: number): Bits {
  const at = id >>> 3
  const bit = 1 << (id & 7)
  if (at >= bits.bytes.length)
    bits.bytes = Buffer.concat([bits.bytes], Math.max(2 * bits.bytes.length, at + 1))
  if ((bits.bytes[at]! & bit) === 0) {
    bits.bytes[at]! |= bit
    bits.count++
  }
  return bits
}
