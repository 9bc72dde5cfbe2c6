import { readUtf8, writeUtf8 } from '../../serde/utf8.ts'
import { FormatError, messageOf } from '../format-error.ts'
import type { Language, ReadValue, WriteValue } from '../language.ts'
import type { WholeSchema } from '../registry/registry.ts'
import { makeAjv } from './ajv.ts'

type Check = (value: unknown) => void

/** JSON whose values a JSON Schema describes. */
export class JsonSchemaLanguage implements Language {
  readonly format = 'json-schema'
  readonly type = 'JSON'
  readonly own: WholeSchema | undefined
  readonly #validate: boolean

  constructor(own: WholeSchema | undefined, validate: boolean) {
    this.own = own
    this.#validate = validate
  }

  /** Confluent's serializers name a JSON record by its title. */
  recordName({ text }: WholeSchema): string | undefined {
    const { title } = parsed(text, 'the schema of the topic')
    return typeof title === 'string' ? title : undefined
  }

  reader(schema: WholeSchema, name: string, own: WholeSchema | undefined): ReadValue {
    const check = this.#check(own ?? schema, own === undefined ? name : 'the schema of the topic')
    return (bytes, start, end) => {
      const value = parse(readUtf8(bytes, start, end))
      check(value)
      return value
    }
  }

  writer(schema: WholeSchema, name: string): WriteValue {
    const check = this.#check(schema, name)
    return (value, sink) => {
      check(value)
      const text: string | undefined = JSON.stringify(value)
      if (text === undefined)
        throw new FormatError('schema', `A value of type ${typeof value} cannot be written as JSON`)
      writeUtf8(sink, text)
    }
  }

  #check(schema: WholeSchema, name: string): Check {
    return this.#validate ? checkOf(schema, name) : () => {}
  }
}

function checkOf({ text, needs }: WholeSchema, name: string): Check {
  const schema = parsed(text, name)
  try {
    // Formats are notes to readers here: which there are differs from one validator to the next.
    const ajv = makeAjv(schema.$schema, {
      strict: false,
      validateFormats: false,
      logger: false,
      allErrors: true,
    })
    for (const needed of needs) ajv.addSchema(JSON.parse(needed.text), needed.name)
    const validate = ajv.compile(schema)
    return value => {
      if (validate(value)) return
      const issues = (validate.errors ?? []).map(({ instancePath, message }) =>
        `${instancePath.slice(1).replaceAll('/', '.')} ${message}`.trim(),
      )
      const more = issues.length > 3 ? `; and ${issues.length - 3} more` : ''
      throw new FormatError(
        'schema',
        `The value does not match ${name}: ${issues.slice(0, 3).join('; ')}${more}`,
      )
    }
  } catch (cause) {
    throw new FormatError(
      'schema-unusable',
      `${name} is no JSON Schema that can be used: ${messageOf(cause)}`,
      {
        cause,
      },
    )
  }
}

function parsed(text: string, name: string): any {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new FormatError('schema-unusable', `${name} is not JSON: ${messageOf(cause)}`, { cause })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new FormatError('malformed', messageOf(cause), { cause })
  }
}
