import { attributeTexts, type EventAttributes } from './attributes.ts'

const prefix = 'ce_'
const contentType = 'content-type'

/** What is needed of a record: its headers. */
interface WithHeaders {
  readonly headers: readonly { readonly name: string; readonly value: Uint8Array }[]
}

/**
 * The attributes of a record that is a CloudEvent in binary mode: its value is the data, its headers `ce_id` and so on are the rest.
 * Undefined for any other record. A callback gets the record beside the value.
 *
 * @example
 * orders.filter((_, record) => eventOf(record)?.type === 'shop.order.placed')
 */
export function eventOf({ headers }: WithHeaders): EventAttributes | undefined {
  const attributes: Record<string, string> = {}
  for (const { name, value } of headers) {
    const lower = name.toLowerCase()
    const attribute =
      lower === contentType ? 'datacontenttype' : lower.startsWith(prefix) ? lower.slice(3) : ''
    if (attribute !== '') attributes[attribute] = Buffer.from(value).toString('utf8')
  }
  const { specversion, id, source, type } = attributes
  if (specversion === undefined || id === undefined || source === undefined || type === undefined)
    return undefined
  return { ...attributes, specversion, id, source, type }
}

/**
 * The headers of a CloudEvent in binary mode, for `out()` and `send`: the value is its data, written as its topic writes them.
 * Throws `FormatError` for attributes that make no event.
 *
 * @example
 * orders.map((order, record) =>
 *   out(order, { headers: eventHeaders({ id: `${record.partition}-${record.offset}`, source: '/shop', type: 'shop.order.placed' }) }))
 */
export function eventHeaders(attributes: EventAttributes): Readonly<Record<string, string>> {
  const headers = attributeTexts(attributes).map(([name, text]) =>
    name === 'datacontenttype' ? [contentType, text] : [prefix + name, text],
  )
  return Object.fromEntries(headers)
}

/** The header that tells readers of other programs that a record is a CloudEvent in structured mode; for `out()` and `send`. */
export const structuredHeaders: Readonly<Record<string, string>> = Object.freeze({
  [contentType]: 'application/cloudevents+json; charset=UTF-8',
})
