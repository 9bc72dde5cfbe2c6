import type { MapStateKey } from '../../plan/process.ts'
import { type Duration, toMs } from '../../std/duration.ts'
import { state } from '../process.ts'
import type { KeyedStream } from '../stream.ts'
import { type FieldOf, fieldFn } from './field.ts'

export interface DedupeOptions<V, K> {
  /** What records are told apart by, within their key; without it the key alone. */
  readonly by?: FieldOf<V, K, MapStateKey>
  /** How far in event time a record must lie from the one that was kept to be kept too; for ever by default. */
  readonly within?: Duration
}

/** Keeps the first of records that are the same. */
export function dedupe<V, K>(
  stream: KeyedStream<V, K>,
  name: string,
  { by, within }: DedupeOptions<V, K> = {},
): KeyedStream<V, K> {
  const identity = by === undefined ? () => '' : fieldFn(by)
  const withinMs = within === undefined ? Number.POSITIVE_INFINITY : toMs(within, `dedupe "${name}", within`)
  const kept = state.map<MapStateKey, number>({ ttl: within })
  return stream.process(name, { state: { kept } }, (value, { state: { kept }, record, timestamp }) => {
    const id = identity(value, record)
    const before = kept.get(id)
    if (before !== undefined && Math.abs(timestamp - before) < withinMs) return
    kept.set(id, timestamp)
    return [value as V]
  }) as unknown as KeyedStream<V, K>
}
