import type { Preparation, Serde, SerdePlace } from '../../serde/serde.ts'
import { readUtf8, utf8Bytes } from '../../serde/utf8.ts'
import { FormatError, messageOf } from '../format-error.ts'
import { attributeTexts, type EventAttributes, type NamedAttributes } from './attributes.ts'

/** An event with its data; `undefined` where it has none. */
export interface CloudEvent<T> extends NamedAttributes {
  readonly data: T
  readonly [extension: string]: unknown
}

/**
 * CloudEvents in structured mode: a value is one JSON object with the event's attributes and its data, which the given serde reads and
 * writes. Data of a serde that is not JSON stand there as base64. Binary mode needs no serde: see `eventOf` and `eventHeaders`.
 *
 * @example
 * const orders = topic('orders', { value: cloudEvents(json<Order>()), timestamp: event => Date.parse(event.time) })
 * await app.send(orders, { id: '1', source: '/shop', type: 'shop.order.placed', data: order }, { headers: structuredHeaders })
 */
export function cloudEvents<T, I = T>(data: Serde<T, I>): Serde<CloudEvent<T>, CloudEvent<I>> {
  const { preparation } = data
  return {
    format: 'cloudevents',
    id: `cloudevents:${data.id}`,
    serialize: event => utf8Bytes(envelope(event, data)),
    deserialize(bytes, start, end) {
      const { data: plain, data_base64: encoded, ...attributes } = parsed(bytes, start, end)
      return { ...(attributes as unknown as NamedAttributes), data: dataOf(data, plain, encoded) as T }
    },
    preparation: preparation && preparationOf(preparation),
    forTopic: (place: SerdePlace) => cloudEvents(data.forTopic?.(place) ?? data),
  }
}

function envelope<I>({ data, ...attributes }: CloudEvent<I>, serde: Serde<unknown, I>): string {
  attributeTexts(attributes as EventAttributes)
  const head = JSON.stringify({ specversion: '1.0', ...attributes }).slice(0, -1)
  if (data === undefined) return `${head}}`
  const bytes = serde.serialize(data)
  // What a JSON serde wrote is JSON already.
  if (serde.json !== undefined) return `${head},"data":${readUtf8(bytes, 0, bytes.length)}}`
  return `${head},"data_base64":"${Buffer.from(bytes).toString('base64')}"}`
}

function parsed(bytes: Uint8Array, start: number, end: number): Record<string, unknown> {
  let event: any
  try {
    event = JSON.parse(readUtf8(bytes, start, end))
  } catch (cause) {
    throw new FormatError(
      'malformed',
      `It is no CloudEvent in structured mode, which would be JSON: ${messageOf(cause)}`,
      {
        cause,
      },
    )
  }
  const missing = ['specversion', 'id', 'source', 'type'].find(name => typeof event?.[name] !== 'string')
  if (missing === undefined) return event
  throw new FormatError('malformed', `It is no CloudEvent in structured mode: its ${missing} is not there`)
}

function dataOf(serde: Serde<unknown, any>, plain: unknown, encoded: unknown): unknown {
  if (typeof encoded === 'string') {
    const bytes = Buffer.from(encoded, 'base64')
    return serde.deserialize(bytes, 0, bytes.length)
  }
  if (plain === undefined) return undefined
  if (serde.json !== undefined) return serde.json.check(plain)
  const text = utf8Bytes(typeof plain === 'string' ? plain : JSON.stringify(plain))
  return serde.deserialize(text, 0, text.length)
}

function preparationOf(inner: Preparation): Preparation {
  return {
    forWriting: () => inner.forWriting(),
    forReading(bytes, start, end) {
      try {
        const { data_base64: encoded } = parsed(bytes, start, end)
        const data = Buffer.from(String(encoded ?? ''), 'base64')
        return inner.forReading(data, 0, data.length)
      } catch {
        // It is rejected when it is read.
        return undefined
      }
    },
  }
}
