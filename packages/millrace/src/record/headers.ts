import { CorruptBatchError } from './errors.ts'
import { VarintReader, varintSize, writeVarint } from './varint.ts'

/** One header of a record. */
export interface Header {
  readonly key: string
  readonly value: Uint8Array | null
}

/** Reads the header section `bytes[start, end)` (its count included); the values are copies. */
export function readHeaders(bytes: Uint8Array, start: number, end: number): Header[] {
  const headers: Header[] = []
  walkHeaders(bytes, start, end, (keyStart, keyEnd, valueStart, valueEnd) => {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + keyStart, keyEnd - keyStart).toString('utf8')
    headers.push({ key, value: valueStart < 0 ? null : new Uint8Array(bytes.subarray(valueStart, valueEnd)) })
  })
  return headers
}

/** Throws `CorruptBatchError` unless `bytes[start, end)` is a whole header section; returns how many headers it holds. */
export function checkHeaders(bytes: Uint8Array, start: number, end: number): number {
  return walkHeaders(bytes, start, end, () => {})
}

function walkHeaders(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void,
): number {
  const reader = new VarintReader(bytes, start, end)
  try {
    const count = reader.varint()
    if (count < 0) throw new RangeError(`the header count is ${count}`)
    for (let i = 0; i < count; i++) {
      const keyEnd = rangeEnd(reader, reader.varint(), 'key')
      const keyStart = reader.at
      reader.at = keyEnd
      const valueLength = reader.varint()
      const valueEnd = valueLength === -1 ? -1 : rangeEnd(reader, valueLength, 'value')
      const valueStart = valueLength === -1 ? -1 : reader.at
      if (valueLength !== -1) reader.at = valueEnd
      visit(keyStart, keyEnd, valueStart, valueEnd)
    }
    if (reader.at !== end) throw new RangeError(`${end - reader.at} bytes lie behind the last header`)
    return count
  } catch (cause) {
    throw new CorruptBatchError(`bad headers: ${(cause as Error).message}`, reader.at, { cause })
  }
}

function rangeEnd(reader: VarintReader, length: number, what: string): number {
  if (length < 0 || reader.at + length > reader.end)
    throw new RangeError(`a header ${what} of ${length} bytes`)
  return reader.at + length
}

/** The header section of `headers`, its count included, as the writer and the log take it. */
export function encodeHeaders(headers: readonly Header[]): Uint8Array {
  const keys = headers.map(header => Buffer.from(header.key, 'utf8'))
  let size = varintSize(headers.length)
  headers.forEach(({ value }, i) => {
    size +=
      varintSize(keys[i]!.length) + keys[i]!.length + varintSize(value?.length ?? -1) + (value?.length ?? 0)
  })
  const bytes = new Uint8Array(size)
  let at = writeVarint(bytes, 0, headers.length)
  headers.forEach(({ value }, i) => {
    at = writeVarint(bytes, at, keys[i]!.length)
    bytes.set(keys[i]!, at)
    at = writeVarint(bytes, at + keys[i]!.length, value?.length ?? -1)
    if (value !== null) bytes.set(value, at)
    at += value?.length ?? 0
  })
  return bytes
}
