import { compileProjection } from '../../packages/millrace/src/serde/json/projection.ts'
import type { Event } from '../data/events.ts'
import { eventSchema } from '../engine/pipelines.ts'

/** How a hand-written loop reads a value: the fields alone, whole and checked, or `JSON.parse` and nothing more. */
export type LoopStyle = 'callbacks' | 'fields' | 'schema' | 'parse'

export type Decode = (buffer: Buffer, start: number, end: number) => Event

export function decoder(style: LoopStyle, fields: readonly string[]): Decode {
  if (style === 'parse') return parse
  if (style === 'schema') return parseAndCheck
  return compileProjection(fields).decode as Decode
}

type Sliceable = Buffer & { utf8Slice(start: number, end: number): string }

function parse(buffer: Buffer, start: number, end: number): Event {
  return JSON.parse((buffer as Sliceable).utf8Slice(start, end))
}

function parseAndCheck(buffer: Buffer, start: number, end: number): Event {
  const checked = eventSchema['~standard'].validate(parse(buffer, start, end))
  if (checked instanceof Promise || checked.issues !== undefined)
    throw new Error('The schema refused an event')
  return checked.value
}
