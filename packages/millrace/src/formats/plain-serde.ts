import { KeyKind } from '../serde/serde.ts'
import { type ByteSink, KeyBuffer } from '../serde/sink.ts'
import { asBuffer, type Language } from './language.ts'
import type { SchemaSerde } from './schema-serde.ts'

/** Values as the bytes that their schema gives and nothing around them, for a topic without a registry. */
export function plainSerde<T>(language: Language, schema = language.own!): SchemaSerde<T> {
  const { format } = language
  const read = language.reader(schema, 'the schema of the topic', language.own)
  const write = language.writer(schema, 'the schema of the topic')
  const serde: SchemaSerde<T> = {
    format,
    id: `${format}:${schema.text}`,
    kind: KeyKind.serde,
    serialize(value) {
      const sink = new KeyBuffer()
      write(value, sink)
      return sink.toBytes()
    },
    serializeInto: (value, sink) => wholly(sink, () => write(value, sink)),
    deserialize: (bytes, start, end) => read(asBuffer(bytes), start, end) as T,
    forTopic: () => serde,
  }
  return serde
}

/** After a throw the sink stands where it stood. */
export function wholly(sink: ByteSink, write: () => void): void {
  const { position } = sink
  try {
    write()
  } catch (error) {
    sink.position = position
    throw error
  }
}
