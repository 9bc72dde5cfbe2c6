import { type Duration, toMs } from '../std/duration.ts'

/** Windows of one size that overlap: one begins every `advanceMs`, so a timestamp lies in `sizeMs / advanceMs` of them, rounded up or down. */
export interface HoppingWindow {
  readonly kind: 'hopping'
  readonly sizeMs: number
  /** More than 0 and at most `sizeMs`. */
  readonly advanceMs: number
  /** At least 0 and less than `advanceMs`. */
  readonly offsetMs: number
  readonly graceMs: number
}

export interface HoppingOptions {
  /** How far apart the starts of two windows lie. */
  readonly advance: Duration
  /** How long after its end a window still takes late records; 0 by default. */
  readonly grace?: Duration
  /** Moves every start by this much; 0 by default. */
  readonly offset?: Duration
}

/**
 * Windows of `size` that begin every `advance`: `hopping('10m', { advance: '1m' })` gives each minute a row about the last
 * ten. The first window of a record begins before it, so the earliest rows cover time without records. Throws `TypeError`
 * for durations that are none, an advance longer than the size and an offset that is not less than the advance.
 */
export function hopping(size: Duration, options: HoppingOptions): HoppingWindow {
  const sizeMs = toMs(size, 'hopping(size)')
  if (options?.advance === undefined)
    throw new TypeError(
      "hopping({ advance }): say how far apart windows begin, for example { advance: '1m' }",
    )
  const advanceMs = toMs(options.advance, 'hopping({ advance })')
  const graceMs = toMs(options.grace ?? 0, 'hopping({ grace })')
  const offsetMs = toMs(options.offset ?? 0, 'hopping({ offset })')
  if (sizeMs === 0)
    throw new TypeError("hopping(size): a window must be longer than 0; give a size such as '10m'")
  if (advanceMs === 0)
    throw new TypeError("hopping({ advance }): windows must begin apart; give an advance such as '1m'")
  if (advanceMs > sizeMs) {
    throw new TypeError(
      `hopping({ advance }): ${advanceMs} ms is longer than the window's size of ${sizeMs} ms, so records between two ` +
        'windows would be in none; give an advance of at most the size',
    )
  }
  if (offsetMs >= advanceMs) {
    throw new TypeError(
      `hopping({ offset }): ${offsetMs} ms is not less than the advance of ${advanceMs} ms; an offset of ` +
        `${offsetMs % advanceMs} ms gives the same windows`,
    )
  }
  return Object.freeze({ kind: 'hopping', sizeMs, advanceMs, offsetMs, graceMs })
}
