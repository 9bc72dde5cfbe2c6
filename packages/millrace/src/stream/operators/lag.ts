import { PlanError } from '../../plan/plan-error.ts'
import type { DeepReadonly } from '../../plan/readonly.ts'
import { state } from '../process.ts'
import type { KeyedStream } from '../stream.ts'

/** A record beside the one before it. */
export interface Lagged<V> {
  readonly value: V
  /** Undefined for the first records of a key. */
  readonly previous: V | undefined
}

/** Gives each record with the one that came `distance` records before it under its key. */
export function lag<V, K>(stream: KeyedStream<V, K>, name: string, distance = 1): KeyedStream<Lagged<V>, K> {
  if (!(Number.isSafeInteger(distance) && distance > 0))
    throw new PlanError({ step: name }, `lag is ${distance}`, 'give a whole number from 1')
  return stream.process(name, { state: { recent: state.list<V>() } }, (value, { state: { recent } }) => {
    const previous = recent.length === distance ? recent.shift() : undefined
    recent.push(value)
    return [{ value, previous } as Lagged<DeepReadonly<V>>]
  }) as unknown as KeyedStream<Lagged<V>, K>
}
