import type { FieldOrFn } from '../../plan/graph.ts'
import type { DeepReadonly } from '../../plan/readonly.ts'
import type { StreamRecord } from '../../plan/record.ts'
import type { FieldName } from '../callback-types.ts'

/** A field of `V` by its name, or a callback that gives a `T` (SEMANTICS 5.3). */
export type FieldOf<V, K, T> = FieldName<V> | ((value: DeepReadonly<V>, record: StreamRecord<K>) => T)

/** What is given for a field as a function. */
export function fieldFn(field: FieldOrFn): (value: any, record: any) => any {
  return typeof field === 'function' ? field : value => value[field]
}
