import { type AvroType, loadAvsc } from './avsc.ts'

/** What avsc reads from and writes to. */
interface Tap {
  readonly buf: Buffer
  pos: number
}

const twoTo27 = 2 ** 27

let types: NumberTypes | undefined

/** Types that avsc's own are exchanged for. */
export interface NumberTypes {
  readonly long: AvroType
  /** Also read what was written as a long. */
  readonly float: AvroType
  readonly double: AvroType
}

/**
 * A `long` as a number that is exact up to 2^53: avsc's own goes through a doubled number, so that it takes some negative ones
 * below −2^52 for others, their sign included.
 */
export function exactNumbers(): NumberTypes {
  const { FloatType, DoubleType } = loadAvsc().types
  types ??= { long: makeExactLong(), float: makeWider(FloatType), double: makeWider(DoubleType) }
  return types
}

function makeWider(type: any): AvroType {
  class Wider extends type {
    _update(resolver: any, written: AvroType, options: unknown): void {
      if (written.typeName.endsWith('long')) resolver._read = readRounded
      else super._update(resolver, written, options)
    }
  }
  return new Wider() as unknown as AvroType
}

function makeExactLong(): AvroType {
  const { LongType } = loadAvsc().types
  class ExactLong extends (LongType as any) {
    _check(value: unknown, _flags: unknown, hook?: (value: unknown, type: unknown) => void): boolean {
      const isRight = Number.isSafeInteger(value)
      if (!isRight && hook) hook(value, this)
      return isRight
    }

    /** Also called by resolvers, without `this`. */
    _read(tap: Tap): number {
      return readLong(tap)
    }

    _write(tap: Tap, value: unknown): void {
      if (!Number.isSafeInteger(value)) throw new Error(`${value} is no long`)
      writeLong(tap, value as number)
    }
  }
  return new ExactLong() as unknown as AvroType
}

/** The lowest 28 bits of the zigzag number, and those above: neither loses a bit as a double. */
function readRounded(tap: Tap): number {
  const { buf } = tap
  let low = 0
  let high = 0
  let byte = 0x80
  for (let shift = 0; byte >= 0x80; shift++) {
    if (shift === 10) throw new Error('a long of more than ten bytes')
    byte = buf[tap.pos++] ?? 0
    const bits = byte & 0x7f
    if (shift < 4) low |= bits << (7 * shift)
    else high += bits * 2 ** (7 * (shift - 4))
  }
  const magnitude = high * twoTo27 + (low >>> 1)
  return (low & 1) === 0 ? magnitude : -magnitude - 1
}

function readLong(tap: Tap): number {
  const value = readRounded(tap)
  if (!Number.isSafeInteger(value)) throw new Error(precisionLoss)
  return value
}

function writeLong(tap: Tap, value: number): void {
  const { buf } = tap
  const magnitude = value < 0 ? -value - 1 : value
  let high = Math.floor(magnitude / twoTo27)
  let low = (magnitude % twoTo27) * 2 + (value < 0 ? 1 : 0)
  for (;;) {
    const isLast = low < 0x80 && high === 0
    buf[tap.pos++] = isLast ? low : (low & 0x7f) | 0x80
    if (isLast) return
    // Seven bits come down from the upper part, as many as went out of the lower one.
    low = (low >>> 7) + (high % 128) * 2 ** 21
    high = Math.floor(high / 128)
  }
}

/** avsc's own words for it. */
export const precisionLoss = 'potential precision loss'
