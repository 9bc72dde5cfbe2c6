import { type Duration, toMs } from '../std/duration.ts'

/** Windows of one size, side by side: every timestamp lies in exactly one. Starts are `offsetMs` plus multiples of `sizeMs`. */
export interface TumblingWindow {
  readonly kind: 'tumbling'
  readonly sizeMs: number
  /** At least 0 and less than `sizeMs`. */
  readonly offsetMs: number
  readonly graceMs: number
}

export interface TumblingOptions {
  /** How long after its end a window still takes late records; 0 by default. */
  readonly grace?: Duration
  /** Moves every start by this much: `tumbling('1d', { offset: '6h' })` begins at 06:00 UTC. */
  readonly offset?: Duration
}

/** Windows of `size`, one after the other. Throws `TypeError` for durations that are none and an offset that is not less than the size. */
export function tumbling(size: Duration, options: TumblingOptions = {}): TumblingWindow {
  const sizeMs = toMs(size, 'tumbling(size)')
  const graceMs = toMs(options.grace ?? 0, 'tumbling({ grace })')
  const offsetMs = toMs(options.offset ?? 0, 'tumbling({ offset })')
  if (sizeMs === 0)
    throw new TypeError("tumbling(size): a window must be longer than 0; give a size such as '1m'")
  if (offsetMs >= sizeMs) {
    throw new TypeError(
      `tumbling({ offset }): ${offsetMs} ms is not less than the window's size of ${sizeMs} ms; an offset of ` +
        `${offsetMs % sizeMs} ms gives the same windows`,
    )
  }
  return Object.freeze({ kind: 'tumbling', sizeMs, offsetMs, graceMs })
}
