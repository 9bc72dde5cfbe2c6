import type { Topic } from '../../plan/topic.ts'
import type { RecordCursor } from '../../record/cursor.ts'
import { readHeaders } from '../../record/headers.ts'

/** A record as `consume` shows it. */
export interface ShownRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Record time in ms since the epoch, -1 when it has none. */
  readonly timestamp: number
  readonly key: unknown
  readonly value: unknown
  readonly headers: Readonly<Record<string, string>>
}

/** Reads the record a cursor stands at, by the topic's serdes where it is declared; what they refuse is shown as it is. */
export function shownRecord(
  cursor: RecordCursor,
  place: { readonly topic: string; readonly partition: number },
  topic: Topic | undefined,
): ShownRecord {
  const { buffer, keyStart, keyEnd, valueStart, valueEnd, offset, timestamp, headerCount } = cursor
  const value = () =>
    topic === undefined
      ? rawValue(buffer, valueStart, valueEnd)
      : topic.value.deserialize(buffer, valueStart, valueEnd)
  const key = () =>
    topic === undefined
      ? rawText(buffer, keyStart, keyEnd)
      : topic.keySerde.deserialize(buffer, keyStart, keyEnd)
  return {
    topic: place.topic,
    partition: place.partition,
    offset,
    timestamp,
    key: keyStart < 0 ? null : showable(attempt(key, () => rawText(buffer, keyStart, keyEnd))),
    value: valueStart < 0 ? null : showable(attempt(value, () => rawValue(buffer, valueStart, valueEnd))),
    headers: headerCount === 0 ? {} : headersOf(cursor),
  }
}

function headersOf({ buffer, headersStart, headersEnd }: RecordCursor): Record<string, string> {
  const headers = readHeaders(buffer, headersStart, headersEnd)
  return Object.fromEntries(
    headers.map(({ key, value }) => [key, value === null ? '' : rawText(value, 0, value.length)]),
  )
}

function attempt(read: () => unknown, otherwise: () => unknown): unknown {
  try {
    return read()
  } catch {
    return otherwise()
  }
}

/** JSON, else text, else base64. */
function rawValue(bytes: Uint8Array, start: number, end: number): unknown {
  const text = rawText(bytes, start, end)
  return attempt(
    () => JSON.parse(text),
    () => text,
  )
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Text where the bytes are text, else `base64:…`. */
function rawText(bytes: Uint8Array, start: number, end: number): string {
  const part = bytes.subarray(start, end)
  try {
    const text = utf8.decode(part)
    if (!isBinary(text)) return text
  } catch {
    // Not UTF-8.
  }
  return `base64:${Buffer.from(part).toString('base64')}`
}

function isBinary(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return true
  }
  return false
}

/** What JSON can say of a value; serdes of other formats give bigints and bytes anywhere in it. */
function showable(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Uint8Array) return rawText(value, 0, value.length)
  if (Array.isArray(value)) return value.map(showable)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, showable(member)]))
}
