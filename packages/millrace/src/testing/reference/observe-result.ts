import type { ObservedRun } from './observed-run.ts'
import type { ReferenceResult } from './types.ts'

/** The model's answer in the form of a run, to compare one answer with another. A partition left open becomes 0. */
export function observeResult({ outputs, sideStreams, tables }: ReferenceResult): ObservedRun {
  return {
    outputs: new Map(
      [...outputs].map(([topic, { rows }]) => [
        topic,
        rows.map(row => ({ ...row, partition: row.partition ?? 0 })),
      ]),
    ),
    sideStreams: new Map(
      [...sideStreams].map(([port, { rows }]) => [
        port,
        rows.map(({ origin, ...row }) => ({ ...row, ...origin })),
      ]),
    ),
    tables: new Map([...tables].map(([step, { rows }]) => [step, rows])),
  }
}
