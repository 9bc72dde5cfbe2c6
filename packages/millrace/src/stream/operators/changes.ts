import { state } from '../process.ts'
import type { KeyedStream } from '../stream.ts'
import { type FieldOf, fieldFn } from './field.ts'

/** Keeps the records that differ from the one before them under their key. */
export function changes<V, K>(
  stream: KeyedStream<V, K>,
  name: string,
  by?: FieldOf<V, K, unknown>,
): KeyedStream<V, K> {
  const look = by === undefined ? (value: unknown) => value : fieldFn(by)
  return stream.process(
    name,
    { state: { last: state.value<string>() } },
    (value, { state: { last }, record }) => {
      // The text of undefined is no JSON, and the same as nothing else's.
      const text = JSON.stringify(look(value, record)) ?? ''
      if (last.get() === text) return
      last.set(text)
      return [value as V]
    },
  ) as unknown as KeyedStream<V, K>
}
