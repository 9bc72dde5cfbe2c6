import type { FieldOrFn } from '../../plan/graph.ts'
import type { Topic } from '../../plan/topic.ts'
import { encodeKey } from '../../serde/key.ts'
import { KeyKind } from '../../serde/serde.ts'
import { KeyBuffer } from '../../serde/sink.ts'
import { toEventTime } from '../../serde/timestamp.ts'
import { usageError } from '../cli-error.ts'
import { fieldOf } from './field.ts'

/** A record as bytes, before it has a partition. */
export interface EncodedRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array
  readonly timestamp: number
}

export interface EncodeOptions {
  /** The topic as the project declares it; undefined takes values as they come. */
  readonly topic: Topic | undefined
  /** Lines are texts rather than JSON. */
  readonly lines: boolean
  /** Path of the field that is the key. */
  readonly key?: string
  /** Path of the field that is the time. */
  readonly timestamp?: string
  now(): number
}

/** Turns lines into records; each call throws what the line is refused for. */
export type LineEncoder = (line: Uint8Array) => EncodedRecord

/** The encoder for a topic and the flags of `produce`. Throws `CliError` where they contradict each other. */
export function lineEncoder(options: EncodeOptions): LineEncoder {
  const { topic, lines, key, timestamp } = options
  if (lines && (key !== undefined || timestamp !== undefined))
    throw usageError('Lines of text have no fields for --key and --timestamp', 'leave out --lines')
  if (lines && topic?.value.json !== undefined)
    throw usageError(`The topic ${topic.name} takes JSON`, 'leave out --lines')
  const read = valueReader(topic, lines)
  return line => {
    const { bytes, value } = read(line)
    return { value: bytes, key: keyOf(options, value), timestamp: timeOf(options, value) }
  }
}

interface ReadLine {
  readonly bytes: Uint8Array
  /** What keys and times are taken from. */
  readonly value: unknown
}

function valueReader(topic: Topic | undefined, lines: boolean): (line: Uint8Array) => ReadLine {
  if (topic === undefined) return line => ({ bytes: line, value: lines ? textOf(line) : parseLine(line) })
  const { format, json } = topic.value
  if (json !== undefined)
    return line => {
      const value = parseLine(line)
      return { bytes: json.serializeInput(value), value }
    }
  if (format === 'bytes') return line => ({ bytes: line, value: undefined })
  return line => {
    const value = lines && format === 'string' ? textOf(line) : parseLine(line)
    return { bytes: topic.value.serialize(value), value }
  }
}

function textOf(line: Uint8Array): string {
  return Buffer.from(line.buffer, line.byteOffset, line.length).toString('utf8')
}

function parseLine(line: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(line))
  } catch (cause) {
    const text = textOf(line)
    const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text
    throw new SyntaxError(`this is not JSON: ${shown}`, { cause })
  }
}

function keyOf({ topic, key: path }: EncodeOptions, value: unknown): Uint8Array | null {
  if (path === undefined && topic?.key === undefined) return null
  const key = path === undefined ? read(topic!.key!, value) : fieldOf(value, path)
  if (key === undefined || key === null) {
    if (path === undefined) return null
    throw new TypeError(`there is no field ${path} to be the key`)
  }
  if (path !== undefined && topic !== undefined) return topic.keySerde.serialize(key)
  if (topic?.keySerde.kind === KeyKind.serde) return topic.keySerde.serialize(key)
  const buffer = new KeyBuffer(32)
  encodeKey(key, buffer)
  return buffer.toBytes()
}

function timeOf({ topic, timestamp: path, now }: EncodeOptions, value: unknown): number {
  if (path !== undefined) {
    const time = fieldOf(value, path)
    return toEventTime(typeof time === 'string' ? parseTime(time, path) : time)
  }
  return topic?.timestamp === undefined ? now() : toEventTime(read(topic.timestamp, value))
}

function parseTime(text: string, path: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(ms)) throw new TypeError(`the field ${path} is ${JSON.stringify(text)}, which is no time`)
  return ms
}

function read(field: FieldOrFn, value: unknown): unknown {
  return typeof field === 'string' ? fieldOf(value, field) : field(value, undefined)
}
