import { KeyKind } from '../../serde/serde.ts'

/** Canonical text of any value: equal texts, equal values. Members are sorted, −0 is 0, types stay apart. */
export function canonicalText(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'number') return String(value)
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString('hex')}`
  if (value instanceof Date) return `date:${value.getTime()}`
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`
  if (typeof value !== 'object' || value === null)
    return value === undefined ? 'undefined' : JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  members.sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`).join(',')}}`
}

/** Which kind of key a value is (SEMANTICS 5.1). Throws for what cannot be a key. */
export function kindOfKey(key: unknown): KeyKind {
  switch (typeof key) {
    case 'string':
      return KeyKind.string
    case 'number':
      if (!Number.isFinite(key)) throw new TypeError(`${key} cannot be a key`)
      return KeyKind.number
    case 'bigint':
      return KeyKind.bigint
    case 'boolean':
      return KeyKind.boolean
    case 'object':
      return key instanceof Uint8Array ? KeyKind.bytes : KeyKind.json
    default:
      throw new TypeError(`a ${typeof key} cannot be a key`)
  }
}

/** Key bytes as SEMANTICS 5.1 fixes them. */
export function bytesOfKey(key: unknown): Uint8Array {
  const kind = kindOfKey(key)
  if (kind === KeyKind.bytes) return key as Uint8Array
  // `canonicalText` of what JSON.parse gave is JSON with sorted members.
  const text = kind === KeyKind.json ? canonicalText(throughJson(key)) : String(key)
  return Buffer.from(text, 'utf8')
}

/** What a key is read back as: plain JSON for objects, 0 for −0, itself otherwise. */
export function keyReadBack(key: unknown): unknown {
  if (kindOfKey(key) === KeyKind.json) return JSON.parse(Buffer.from(bytesOfKey(key)).toString('utf8'))
  return key === 0 ? 0 : key
}

/** `key` followed by a window's start as a big-endian int64. */
export function withWindowStart(key: Uint8Array, start: number): Uint8Array {
  const bytes = Buffer.alloc(key.length + 8)
  bytes.set(key)
  bytes.writeBigInt64BE(BigInt(start), key.length)
  return bytes
}

/** A value as it looks after JSON has carried it. */
export function throughJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

/** The partition of a key, as every Kafka client computes it. */
export function partitionOfKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions
}

/** Appleby's MurmurHash2 with Kafka's seed, in 32-bit big-integer arithmetic. */
function murmur2(data: Uint8Array): number {
  const word = (x: bigint) => BigInt.asUintN(32, x)
  const m = 0x5bd1e995n
  let h = 0x9747b28cn ^ BigInt(data.length)
  let at = 0
  for (; data.length - at >= 4; at += 4) {
    let k = BigInt(Buffer.from(data).readUInt32LE(at))
    k = word(k * m)
    k = word((k ^ (k >> 24n)) * m)
    h = word(h * m) ^ k
  }
  const rest = data.subarray(at)
  for (let i = rest.length - 1; i >= 0; i--) h ^= BigInt(rest[i]!) << BigInt(8 * i)
  if (rest.length > 0) h = word(h * m)
  h = word((h ^ (h >> 13n)) * m)
  return Number(BigInt.asIntN(32, h ^ (h >> 15n)))
}
