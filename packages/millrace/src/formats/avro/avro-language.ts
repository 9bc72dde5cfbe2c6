import type { ByteSink } from '../../serde/sink.ts'
import { FormatError, messageOf } from '../format-error.ts'
import type { Language, ReadValue, WriteValue } from '../language.ts'
import type { WholeSchema } from '../registry/registry.ts'
import type { Longs } from './avro.ts'
import { avroType } from './avro-types.ts'
import type { AvroType } from './avsc.ts'
import { precisionLoss } from './long.ts'

/** Bytes that most values fit in; the sink makes room for more when one does not. */
const usualBytes = 256

/** Avro's binary encoding, with values of the writer's schema read as those of the topic's own. */
export class AvroLanguage implements Language {
  readonly format = 'avro'
  readonly type = 'AVRO'
  readonly own: WholeSchema | undefined
  readonly #longs: Longs

  constructor(own: WholeSchema | undefined, longs: Longs) {
    this.own = own
    this.#longs = longs
  }

  recordName(schema: WholeSchema): string | undefined {
    return this.#typeOf(schema, 'the schema of the topic').name
  }

  reader(schema: WholeSchema, name: string, own: WholeSchema | undefined): ReadValue {
    const written = this.#typeOf(schema, name)
    if (own === undefined || own.text === schema.text) return readerOf(written, undefined, name)
    const wanted = this.#typeOf(own, 'the schema of the topic')
    return readerOf(wanted, resolver(written, wanted, name), name)
  }

  writer(schema: WholeSchema, name: string): WriteValue {
    const type = this.#typeOf(schema, name)
    return (value, sink) => write(type, value, sink, name)
  }

  #typeOf(schema: WholeSchema, name: string): AvroType {
    return avroType(schema, name, this.#longs)
  }
}

function resolver(written: AvroType, wanted: AvroType, name: string): unknown {
  try {
    // As Java's: a record is the same whatever its namespace.
    return wanted.createResolver(written, { ignoreNamespaces: true } as any)
  } catch (cause) {
    throw new FormatError(
      'schema-incompatible',
      `A record of ${name}, ${shown(written)}, cannot be read as the topic's own schema, ${shown(wanted)}: ${messageOf(cause)}`,
      { cause },
    )
  }
}

function readerOf(type: AvroType, resolve: any, name: string): ReadValue {
  return (bytes, start, end) => {
    let result: { value: unknown; offset: number }
    try {
      result = type.decode(bytes, start, resolve)
    } catch (cause) {
      throw unreadable(cause, name)
    }
    if (result.offset === end) return result.value
    const what =
      result.offset < 0 || result.offset > end
        ? 'it ends too early'
        : `${end - result.offset} bytes are left over`
    throw new FormatError('malformed', `The bytes are no value of ${name}: ${what}`)
  }
}

function unreadable(cause: unknown, name: string): FormatError {
  const message = messageOf(cause)
  if (message === precisionLoss)
    return new FormatError('malformed', `A long of ${name} is beyond 2^53: read it with longs: 'bigint'`, {
      cause,
    })
  return new FormatError('malformed', `The bytes are no value of ${name}: ${message}`, { cause })
}

function write(type: AvroType, value: unknown, sink: ByteSink, name: string): void {
  sink.ensure(usualBytes)
  try {
    let end = type.encode(value, sink.buffer, sink.position)
    if (end < 0) {
      sink.ensure(sink.buffer.length - sink.position - end)
      end = type.encode(value, sink.buffer, sink.position)
    }
    sink.position = end
  } catch (cause) {
    throw unwritable(type, value, name, cause)
  }
}

function unwritable(type: AvroType, value: unknown, name: string, cause: unknown): FormatError {
  const issues: string[] = []
  type.isValid(value, {
    errorHook: (path, found, wanted) => {
      const at = path.length === 0 ? '' : `${path.join('.')}: `
      issues.push(`${at}${textOf(found)} is no ${wanted.name ?? wanted.typeName}`)
    },
  })
  const what = issues.length === 0 ? messageOf(cause) : issues.slice(0, 3).join('; ')
  return new FormatError('schema', `The value does not match ${name}: ${what}`, { cause })
}

/** A schema on one line, without what does not matter for reading it. */
function shown(type: AvroType): string {
  const text = JSON.stringify(type.schema({ exportAttrs: true }))
  return text.length > 600 ? `${text.slice(0, 600)}…` : text
}

function textOf(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  try {
    const text = JSON.stringify(value) ?? String(value)
    return text.length > 60 ? `${text.slice(0, 60)}…` : text
  } catch {
    return `a value of type ${typeof value}`
  }
}
