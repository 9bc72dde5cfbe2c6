import type { KeySerde } from '../serde/key.ts'
import type { Serde, SerdePlace } from '../serde/serde.ts'

/** A serde that knows the schema of its values; takes keys and values alike. */
export interface SchemaSerde<T> extends Serde<T>, KeySerde<T> {
  deserialize(bytes: Uint8Array, start: number, end: number): T
  serialize(value: T): Uint8Array
  forTopic(place: SerdePlace): SchemaSerde<T>
}
