/** What `out()` may set; what is left out stays as it is on the record being processed. */
export interface OutOptions<K> {
  readonly key?: K
  /** Replaces the headers that would pass through. */
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  /** Event time in ms since the epoch, or a Date. */
  readonly timestamp?: number | Date
}

/** The result of a `map` or `flatMap` that sets more than the value; made by `out()`. */
export class Out<V, K = never> {
  readonly value: V
  readonly options: OutOptions<K>
  constructor(value: V, options: OutOptions<K>) {
    this.value = value
    this.options = options
    Object.freeze(this)
  }
}

/**
 * Gives a value together with its record's key, headers or timestamp. A null value is a tombstone. A new
 * key is only for writing: to group by something else, use `keyBy`.
 */
export function out<V, K = never>(value: V, options: OutOptions<K> = {}): Out<V, K> {
  if (value === undefined) throw new TypeError('out(): the value is undefined; give null for a tombstone')
  return new Out(value, options)
}
