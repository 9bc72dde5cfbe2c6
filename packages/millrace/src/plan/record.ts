/** One header of a record. */
export interface RecordHeader {
  readonly name: string
  readonly value: Uint8Array
}

/**
 * What a callback gets beside the value: where the record comes from. It is valid only during the call;
 * `copy()` gives one that may be kept.
 */
export interface StreamRecord<K = unknown> {
  readonly key: K
  /** Event time in ms since the epoch. */
  readonly timestamp: number
  /** In the order they stand in the record; a name may occur more than once. */
  readonly headers: readonly RecordHeader[]
  readonly topic: string
  readonly partition: number
  readonly offset: number
  copy(): StreamRecord<K>
}
