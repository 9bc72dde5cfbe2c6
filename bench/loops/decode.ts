import { compileProjection } from '../../packages/millrace/src/serde/json/projection.ts'
import type { Event } from '../data/events.ts'
import { eventSchema } from '../engine/pipelines.ts'

/** How a hand-written loop reads a value: the fields alone, whole and checked, or `JSON.parse` and nothing more. */
export type LoopStyle = 'callbacks' | 'fields' | 'schema' | 'parse'

export type Decode<V> = (buffer: Buffer, start: number, end: number) => V

export function decoder<V>(style: LoopStyle, fields: readonly string[]): Decode<V> {
  if (style === 'parse') return parse
  if (style === 'schema') return parseAndCheck as Decode<any>
  return compileProjection(fields).decode as Decode<V>
}

type Sliceable = Buffer & { utf8Slice(start: number, end: number): string }

function parse<V>(buffer: Buffer, start: number, end: number): V {
  return JSON.parse((buffer as Sliceable).utf8Slice(start, end))
}

function parseAndCheck(buffer: Buffer, start: number, end: number): Event {
  const checked = eventSchema['~standard'].validate(parse(buffer, start, end))
  if (checked instanceof Promise || checked.issues !== undefined)
    throw new Error('The schema refused an event')
  return checked.value
}
