import { type Duration, toMs } from '../std/duration.ts'

/** Windows that begin and end with the records of a key: each set of records that lie at most `sizeMs` apart is one. */
export interface SlidingWindow {
  readonly kind: 'sliding'
  /** How far apart two records of one window may lie; more than 0. */
  readonly sizeMs: number
  readonly graceMs: number
}

export interface SlidingOptions {
  /** How far behind the watermark a record may be and still count; 0 by default. */
  readonly grace?: Duration
}

/**
 * Windows by event, as the `SlidingWindows` of Kafka Streams: for each record the one that ends with it, `[t - size, t]`, and the one
 * that begins right behind it, `[t + 1 ms, t + 1 ms + size]`, unless that is empty. Both ends are part of a window, so records exactly
 * `size` apart share one; `start` and `end` say them. Where windows of a fixed advance would be many and mostly alike, these are only
 * as many as differ: "more than 5 failed logins within a minute" finds every such minute.
 *
 * A record is late when its time plus grace lies before the watermark. Throws `TypeError` for durations that are none.
 *
 * @example
 * stream.keyBy('user').window(sliding('1m', { grace: '5s' })).aggregate('tries', { n: count() }).emit('final').filter(row => row.n > 5)
 */
export function sliding(size: Duration, options: SlidingOptions = {}): SlidingWindow {
  const sizeMs = toMs(size, 'sliding(size)')
  if (sizeMs === 0)
    throw new TypeError("sliding(size): a window must be longer than 0; give a size such as '1m'")
  return Object.freeze({ kind: 'sliding', sizeMs, graceMs: toMs(options.grace ?? 0, 'sliding({ grace })') })
}
