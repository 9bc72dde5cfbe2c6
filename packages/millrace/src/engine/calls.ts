import type { KeyKind } from '../serde/serde.ts'
import type { Arrival } from './program.ts'

/** A callback that waits for its next attempt, or for one before it (SEMANTICS 7.2). */
export interface ParkedCall {
  readonly node: number
  readonly arguments: ArrivalArguments
  /** Set when the record is a row of a store: the kind of its key. */
  readonly rowKeyKind: KeyKind | 0 | undefined
  /** The watermark such a row is judged by, NaN where it has none of its own. */
  readonly rowWatermark: number
  readonly attempt: number
  /** Wall time before which it is not tried. */
  readonly notBeforeMs: number
}

export type ArrivalArguments = Parameters<Arrival> extends [unknown, ...infer Rest] ? Rest : never
