import { json, type Topic, topic } from 'millrace'

/** A topic for results of any kind, under keys that are texts. */
export function resultsTopic(name: string): Topic<any, any, any> {
  return topic<any>(name, { value: json<any>() })
}

/** A topic of values whose field is their key. */
export function keyedTopic<V>(name: string, key: keyof V & string): Topic<V> {
  return topic<V>(name, { value: json<V>(), key: value => String((value as V)[key]) })
}

/** A day before a test driver begins, so that nothing lies too far in its future. */
export const t0 = Date.UTC(2025, 11, 31)
export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute
