import type { EngineRun, InputRecord } from './engine-run.ts'

/** Where the histories of the engine's tests begin, in ms; a whole minute. */
export const storyStart = 1_700_000_040_000

/** A record `second` seconds into the story. A string is taken as raw bytes, anything else as JSON. */
export function at(second: number, value: unknown, key: string | null = 'k'): InputRecord {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return {
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(text),
    timestamp: storyStart + second * 1000,
  }
}

/** The values in a topic, partition by partition. */
export function valuesIn(run: EngineRun, topic: string): any[] {
  return run.topics.records(topic).map(({ value }) => (value === null ? null : JSON.parse(value.toString())))
}

/** Rows of windows as `key@second=column`, sorted: one row per key and window is easy to see. */
export function rowsIn(run: EngineRun, topic: string, column = 'n'): string[] {
  return valuesIn(run, topic)
    .map(row => `${row.key}@${(row.start - storyStart) / 1000}=${row[column]}`)
    .sort()
}
