import type { BrokerContents } from '../log/memory/broker.ts'
import type { Fault } from '../log/memory/faults.ts'
import type { ReadPositions } from './topic-reader.ts'

/** How `testDriver` runs its pipelines. */
export interface TestDriverOptions {
  /** Wall time at the start, 2026-01-01T00:00:00Z by default; it only moves by `advance`. */
  readonly startTime?: number | Date
  /** Prefix of groups and internal topics; `test` by default. Another one than that of `from` begins anew on its topics. */
  readonly app?: string
  /** Goes on where another driver of the same pipelines stood, at its time. */
  readonly from?: DriverSnapshot
  /** `interpreted` runs the reference interpreter. Default `compiled`. */
  readonly mode?: 'compiled' | 'interpreted'
  /** Freezes values, so that a callback that changes one fails; true by default. */
  readonly freeze?: boolean
  /** `manual` leaves commits to `driver.commit()`, so that a crash can fall before one. Default `settled`: after every call. */
  readonly commits?: 'settled' | 'manual'
  /** Asked at every point where the log may fail; the `CommitError` or `LogError` it returns strikes there. */
  readonly faults?: Fault
  /** Seed of the randomness that hash tables use; results never depend on it. */
  readonly seed?: number
}

/** Everything committed at one moment: plain data for `testDriver(…, { from })`. */
export interface DriverSnapshot {
  readonly app: string
  readonly time: number
  readonly log: BrokerContents
  /** How far the outputs were read, by topic. */
  readonly read: Readonly<Record<string, ReadPositions>>
}
