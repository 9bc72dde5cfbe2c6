import type { KeyTable } from '../../state/key-table.ts'
import { boxedValue, type ObjectColumn, objectAt, pointsToObject } from './objects.ts'

/** `[]` until a value came, then the value and the time of its record. */
type TimedValue = readonly [] | readonly [value: unknown, t: number]

/** The value of the record with the earliest time; of several at that time, of the one that came first. */
export function earliestColumn(): ObjectColumn {
  return timedColumn((t, known) => t < known)
}

/** The value of the record with the latest time; of several at that time, of the one that came last. */
export function latestColumn(): ObjectColumn {
  return timedColumn((t, known) => t >= known)
}

function timedColumn(replaces: (t: number, known: number) => boolean): ObjectColumn {
  const later = (state: TimedValue, value: unknown, t: number): TimedValue =>
    value === undefined || (state.length > 0 && !replaces(t, state[1]!)) ? state : [value, t]
  return {
    ...pointsToObject,
    object: { initial: () => [], encode: state => state, decode: stored => stored },
    updateObject: later,
    result: boxedValue,
    merge(into: KeyTable, at, from: KeyTable, fromAt) {
      const [value, t] = objectAt(from, fromAt) as TimedValue
      if (t === undefined) return
      into.objects[into.f64[at]!] = later(objectAt(into, at) as TimedValue, value, t)
    },
  }
}
