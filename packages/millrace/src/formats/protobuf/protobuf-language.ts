import { FormatError, messageOf } from '../format-error.ts'
import type { Language, ReadValue, WriteValue } from '../language.ts'
import type { WholeSchema } from '../registry/registry.ts'
import { MessageDecoder } from './decode.ts'
import { encodeMessage } from './encode.ts'
import { readIndexes, writeIndexes } from './message-indexes.ts'
import { type KnownPlans, planOf } from './message-plan.ts'
import { nameOf, ProtoFile } from './proto-file.ts'
import { loadProtobufjs, type MessageType } from './protobufjs.ts'

export interface ProtobufLanguageOptions {
  readonly own: WholeSchema | undefined
  /** Which message of the schema values are; the first without a name. */
  readonly message: string | undefined
  readonly longs: 'number' | 'bigint'
  /** In front of each value stands which message it is. */
  readonly hasIndexes: boolean
}

/** Protobuf's binary encoding; what a reader's schema has of a record is found by the fields' numbers. */
export class ProtobufLanguage implements Language {
  readonly format = 'protobuf'
  readonly type = 'PROTOBUF'
  readonly own: WholeSchema | undefined
  readonly #options: ProtobufLanguageOptions

  constructor(options: ProtobufLanguageOptions) {
    this.own = options.own
    this.#options = options
  }

  recordName(schema: WholeSchema): string {
    return nameOf(new ProtoFile(schema, 'the schema of the topic').message(this.#options.message).type)
  }

  reader(schema: WholeSchema, name: string, own: WholeSchema | undefined): ReadValue {
    const written = new ProtoFile(schema, name)
    const wanted = own && new ProtoFile(own, 'the schema of the topic').message(this.#options.message).type
    if (!this.#options.hasIndexes) {
      const read = this.#readerOf(wanted ?? written.message(this.#options.message).type, new Map())
      return (bytes, start, end) => read(bytes, start, end)
    }
    const plans: KnownPlans = new Map()
    const readers = new Map<string, ReadValue>()
    return (bytes, start, end) => {
      const { path, next } = readIndexes(bytes, start, end)
      const key = path.length === 1 ? String(path[0]) : path.join()
      let read = readers.get(key)
      if (read === undefined) {
        read = this.#readerOf(meant(written.at(path), wanted, name), plans)
        readers.set(key, read)
      }
      return read(bytes, next, end)
    }
  }

  #readerOf(type: MessageType, plans: KnownPlans): ReadValue {
    const { longs } = this.#options
    const plan = planOf(type, longs, plans)
    const decoder = new MessageDecoder(longs)
    const { Reader } = loadProtobufjs()
    return (bytes, start, end) => {
      // Bytes are read as views, which must not be of a batch.
      const copy = Buffer.from(bytes.subarray(start, end))
      try {
        return decoder.decode(plan, Reader.create(copy), copy.length)
      } catch (cause) {
        if (cause instanceof FormatError) throw cause
        throw new FormatError('malformed', `The bytes are no message ${plan.name}: ${messageOf(cause)}`, {
          cause,
        })
      }
    }
  }

  writer(schema: WholeSchema, name: string): WriteValue {
    const { message, longs, hasIndexes } = this.#options
    const { type, path } = new ProtoFile(schema, name).message(message)
    const plan = planOf(type, longs)
    const { Writer } = loadProtobufjs()
    return (value, sink) => {
      const writer = Writer.create()
      encodeMessage(plan, value, writer)
      const bytes = writer.finish()
      if (hasIndexes) writeIndexes(path, sink)
      sink.ensure(bytes.length)
      sink.buffer.set(bytes, sink.position)
      sink.position += bytes.length
    }
  }
}

/** The type to read with: messages of another name have other fields under the same numbers. */
function meant(written: MessageType, wanted: MessageType | undefined, name: string): MessageType {
  if (wanted === undefined || nameOf(wanted) === nameOf(written)) return wanted ?? written
  throw new FormatError(
    'schema-incompatible',
    `A record of ${name} is a message ${nameOf(written)}, and the topic's are ${nameOf(wanted)}`,
  )
}
