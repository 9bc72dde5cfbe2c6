import { canonicalJson } from './canonical-json.ts'
import { KeyError, shown } from './key-error.ts'
import { KeyKind, type Preparation, type SerdePlace } from './serde.ts'
import { type ByteSink, copyBytes } from './sink.ts'
import { readUtf8, writeUtf8 } from './utf8.ts'

/** Reads and writes the keys of one type. Equal keys give equal bytes and the other way round. */
export interface KeySerde<K> {
  readonly id: string
  readonly kind: KeyKind
  /** Throws `KeyError`. */
  serialize(key: K): Uint8Array
  /** Throws `KeyError` with reason `bad-bytes`. */
  deserialize(bytes: Uint8Array, start: number, end: number): K
  /** See `Serde`. */
  readonly preparation?: Preparation
  /** See `Serde`. */
  forTopic?(place: SerdePlace): KeySerde<K>
}

/** The kind a key of any type is written as; throws `KeyError` where there is none. An object is not looked into. */
export function keyKindOf(key: unknown): KeyKind {
  switch (typeof key) {
    case 'string':
      return KeyKind.string
    case 'number':
      if (!Number.isFinite(key)) throw badKey(key)
      return KeyKind.number
    case 'bigint':
      return KeyKind.bigint
    case 'boolean':
      return KeyKind.boolean
    case 'object':
      if (key === null) throw noKey(key)
      return key instanceof Uint8Array ? KeyKind.bytes : KeyKind.json
    case 'undefined':
      throw noKey(key)
    default:
      throw badKey(key)
  }
}

/**
 * Appends the bytes of a key of any type (SEMANTICS 5.1) and gives its kind. After a `KeyError` the sink
 * stands where it stood.
 *
 * Within one kind equal keys give equal bytes and the other way round. Equal means: numbers by value with
 * −0 = 0; objects by their JSON, so member order, undefined members and the difference between a Date and its
 * ISO text do not count; strings by their UTF-8, so every lone surrogate equals U+FFFD (in the strings of an object it does not).
 */
export function encodeKey(key: unknown, into: ByteSink): KeyKind {
  if (typeof key === 'string') {
    writeUtf8(into, key)
    return KeyKind.string
  }
  const kind = keyKindOf(key)
  if (kind === KeyKind.number) writeNumber(into, key as number)
  else if (kind === KeyKind.bytes) writeBytes(into, key as Uint8Array)
  else if (kind === KeyKind.json) writeUtf8(into, canonicalJson(key as object))
  else writeUtf8(into, String(key))
  return kind
}

/** Reads the key bytes `[start, end)` back as what `encodeKey` was given; throws `KeyError` with reason `bad-bytes`. */
export function decodeKey(kind: KeyKind, bytes: Uint8Array, start: number, end: number): unknown {
  switch (kind) {
    case KeyKind.string:
      return readUtf8(bytes, start, end)
    case KeyKind.number:
      return readNumber(readUtf8(bytes, start, end))
    case KeyKind.bigint:
      return readBigint(readUtf8(bytes, start, end))
    case KeyKind.boolean:
      return readBoolean(readUtf8(bytes, start, end))
    case KeyKind.bytes:
      return copyBytes(bytes, start, end)
    case KeyKind.json:
      return readJson(readUtf8(bytes, start, end))
    default:
      throw new KeyError(
        'bad-bytes',
        `A key of kind ${kind} can only be read by the key serde it was written with`,
      )
  }
}

function writeNumber(into: ByteSink, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value < 1e9) writeDigits(into, value)
  else writeUtf8(into, `${value}`)
}

function writeDigits(into: ByteSink, value: number): void {
  let digits = 1
  for (let limit = 10; value >= limit; limit *= 10) digits++
  into.ensure(digits)
  const buffer = into.buffer
  let rest = value
  for (let at = into.position + digits - 1; at >= into.position; at--) {
    const tenth = (rest / 10) | 0
    buffer[at] = 0x30 + (rest - tenth * 10)
    rest = tenth
  }
  into.position += digits
}

function writeBytes(into: ByteSink, bytes: Uint8Array): void {
  into.ensure(bytes.length)
  into.buffer.set(bytes, into.position)
  into.position += bytes.length
}

/** Strict: '1.0' and '1' would be one key with two bytes, counted apart without a word. */
function readNumber(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || `${value}` !== text) throw badBytes(text, 'a number in its shortest form')
  return value
}

function readBigint(text: string): bigint {
  if (!/^(?:0|-?[1-9]\d*)$/.test(text)) throw badBytes(text, 'a whole number in its shortest form')
  return BigInt(text)
}

function readBoolean(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw badBytes(text, "'true' or 'false'")
  return text === 'true'
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badBytes(text, 'JSON')
  }
}

function noKey(key: unknown): KeyError {
  return new KeyError('no-key', `The key is ${key}; filter such records out before keyBy, or give them a key`)
}

function badKey(key: unknown): KeyError {
  return new KeyError('bad-key', `${shown(key)} cannot be a key`)
}

function badBytes(text: string, expected: string): KeyError {
  return new KeyError('bad-bytes', `The key ${shown(text)} is not ${expected}`)
}
