import type { KeyKind } from './serde.ts'

/** Reads and writes the keys of one type. Equal keys give equal bytes and the other way round. */
export interface KeySerde<K> {
  readonly id: string
  readonly kind: KeyKind
  serialize(key: K): Uint8Array
  deserialize(bytes: Uint8Array, start: number, end: number): K
}
