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

/** The earliest `max` values by the times of their records; of several at one time, those that came first. */
export function collectByTimeColumn(max: number): ObjectColumn {
  return {
    ...pointsToObject,
    object: { initial: () => [], encode: state => state, decode: stored => stored },
    updateObject(state: Timed[], value, t: number) {
      if (value !== undefined) insert(state, [value, t], max)
      return state
    },
    result: (f64, at, objects) => (objects[f64[at]!] as Timed[]).slice(0, max).map(([value]) => value),
    merge(into: KeyTable, at, from: KeyTable, fromAt) {
      const all = objectAt(into, at) as Timed[]
      for (const each of objectAt(from, fromAt) as Timed[]) insert(all, each, max)
    },
  }
}

type Timed = readonly [value: unknown, t: number]

/** Behind what is not later; most records come at the end. */
function insert(list: Timed[], entry: Timed, max: number): void {
  let at = list.length
  while (at > 0 && list[at - 1]![1] > entry[1]) at--
  if (at >= max) return
  list.splice(at, 0, entry)
  if (list.length > max) list.length = max
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
