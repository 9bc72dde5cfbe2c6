/**
 * Zigzag varints as Kafka writes them: `varint` holds an int32, `varlong` an integer of at most 52 bits
 * (JavaScript numbers stay exact; a larger one is refused).
 */

const VARLONG_LIMIT = 2 ** 52

/** Bytes that `value`, an int32, takes. */
export function varintSize(value: number): number {
  const z = ((value << 1) ^ (value >> 31)) >>> 0
  return z < 0x80 ? 1 : z < 0x4000 ? 2 : z < 0x20_0000 ? 3 : z < 0x1000_0000 ? 4 : 5
}

/** Writes an int32 at `at` and returns the position behind it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let z = ((value << 1) ^ (value >> 31)) >>> 0
  while (z >= 0x80) {
    bytes[at++] = (z & 0x7f) | 0x80
    z >>>= 7
  }
  bytes[at++] = z
  return at
}

/** Bytes that `value` takes; throws `RangeError` when it has more than 52 bits. */
export function varlongSize(value: number): number {
  if ((value | 0) === value) return varintSize(value)
  let z = zigzag(value)
  let size = 1
  for (; z >= 128; z = Math.floor(z / 128)) size++
  return size
}

/** Writes an integer at `at` and returns the position behind it; throws `RangeError` when it has more than 52 bits. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number): number {
  if ((value | 0) === value) return writeVarint(bytes, at, value)
  let z = zigzag(value)
  for (; z >= 128; z = Math.floor(z / 128)) bytes[at++] = (z % 128) | 0x80
  bytes[at++] = z
  return at
}

function zigzag(value: number): number {
  if (!Number.isInteger(value) || value >= VARLONG_LIMIT || value <= -VARLONG_LIMIT) {
    throw new RangeError(`${value} is not an integer of at most 52 bits`)
  }
  return value >= 0 ? 2 * value : -2 * value - 1
}

/** Reads varints one after the other from `bytes[at, end)`; every read moves `at`. */
export class VarintReader {
  bytes: Uint8Array
  at: number
  end: number

  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes
    this.at = at
    this.end = end
  }

  /** Throws `RangeError` at the end of the bytes or when the value does not fit an int32. */
  varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.#next()
      if (shift === 28 && byte > 15) throw new RangeError('a varint is longer than 32 bits')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
  }

  /** Throws `RangeError` at the end of the bytes or when the value has more than 52 bits. */
  varlong(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#next()
      value += (byte & 0x7f) * scale
      if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 49) {
        throw new RangeError('a varlong is longer than 52 bits')
      }
      if (byte < 0x80) return value % 2 === 1 ? -(value + 1) / 2 : value / 2
    }
  }

  #next(): number {
    if (this.at >= this.end) throw new RangeError('the bytes end inside a varint')
    return this.bytes[this.at++]!
  }
}
