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
  /** Age limit of its records; -1 keeps them for ever, the log's own default applies when absent. */
  readonly retentionMs?: number
  readonly retentionBytes?: number
  readonly cleanup?: 'delete' | 'compact' | 'compact,delete'
  /** Further settings on Kafka, under its own names. */
  readonly kafka?: Readonly<Record<string, string>>
  readonly validate: 'full' | 'used' | 'off'
}

/** A topic that takes values of type `V` under keys of type `K`. */
export interface TopicToWrite<in V, in K> {
  readonly kind: 'topic'
  readonly name: string
  /** Phantom, so that a value of another shape is a compile error with the property named. */
  readonly accepts?: (value: V, key: K) => void
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** How long the topic's declaration keeps records: `7d`, `forever`; undefined where that is left to the log. */
export function retentionText({ retentionMs }: Topic): string | undefined {
  if (retentionMs === undefined) return undefined
  if (retentionMs < 0) return 'forever'
  const [unit, unitMs] = units.find(each => retentionMs > 0 && retentionMs % each[1] === 0) ?? ['ms', 1]
  return `${retentionMs / unitMs}${unit}`
}
