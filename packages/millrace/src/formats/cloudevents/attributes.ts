import { FormatError } from '../format-error.ts'

/** The attributes that CloudEvents 1.0 names. */
export interface NamedAttributes {
  readonly id: string
  /** Who sent it; with the id it names the event. */
  readonly source: string
  readonly type: string
  /** `1.0` unless it says another. */
  readonly specversion?: string
  readonly subject?: string
  /** When it happened, as `2026-01-01T00:00:00Z`. */
  readonly time?: string
  /** What its data are: `application/json`, `application/protobuf`. */
  readonly datacontenttype?: string
  readonly dataschema?: string
}

/** What a CloudEvent says of itself beside its data. Extensions stand beside the named ones. */
export interface EventAttributes extends NamedAttributes {
  readonly [extension: string]: string | number | boolean | undefined
}

const required = ['id', 'source', 'type'] as const

/** The attributes that are set, as texts, `specversion` first. Throws `FormatError` where they make no event. */
export function attributeTexts(attributes: EventAttributes): [name: string, text: string][] {
  for (const name of required) {
    if (typeof attributes[name] !== 'string' || attributes[name] === '')
      throw new FormatError('schema', `A CloudEvent needs its ${name}, a text that is not empty`)
  }
  const { specversion = '1.0', ...others } = attributes
  const set = Object.entries({ specversion, ...others }).filter(([, value]) => value !== undefined)
  return set.map(([name, value]) => {
    if (!/^[a-z0-9]+$/.test(name) || name === 'data')
      throw new FormatError(
        'schema',
        `A CloudEvent cannot have an attribute ${name}: names are small letters and digits, and data is none`,
      )
    if (!['string', 'number', 'boolean'].includes(typeof value))
      throw new FormatError(
        'schema',
        `The attribute ${name} of a CloudEvent is of type ${typeof value}; it may be a text, a number or a boolean`,
      )
    return [name, String(value)]
  })
}
