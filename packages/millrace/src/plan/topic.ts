import type { KeySerde } from '../serde/key.ts'
import type { Serde } from '../serde/serde.ts'
import type { FieldOrFn } from './graph.ts'
import type { DeepReadonly } from './readonly.ts'

/** A topic as the user declared it with `topic()`: its name, how its records are read and written, how it is made. */
export interface Topic<V = any, K = any, I = V> extends TopicToWrite<DeepReadonly<I> | null, K | null> {
  readonly kind: 'topic'
  readonly value: Serde<V, I>
  /** How a producer keys a value that comes without a key. */
  readonly key?: FieldOrFn
  /** How key bytes are written and read back; string by default. */
  readonly keySerde: KeySerde<K>
  /** Event time in ms since the epoch; the record's own time when absent. */
  readonly timestamp?: FieldOrFn
  /** Partition count a log creates it with when it does not exist. */
  readonly partitions: number
  readonly retentionMs?: number
  readonly retentionBytes?: number
  readonly cleanup?: 'delete' | 'compact' | 'compact,delete'
  readonly validate: 'full' | 'used' | 'off'
}

/** A topic that takes values of type `V` under keys of type `K`. */
export interface TopicToWrite<in V, in K> {
  readonly kind: 'topic'
  readonly name: string
  /** Phantom, so that a value of another shape is a compile error with the property named. */
  readonly accepts?: (value: V, key: K) => void
}
