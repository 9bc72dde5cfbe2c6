import { type Duration, toMs } from '../std/duration.ts'

/** Windows that last as long as records of a key keep coming: two records at most `gapMs` apart are in one session. */
export interface SessionWindow {
  readonly kind: 'session'
  /** More than 0. */
  readonly gapMs: number
  readonly graceMs: number
  /** How long a session may be, from its first to its last record; more than 0. Absent: as long as records keep coming. */
  readonly maxLengthMs?: number
}

export interface SessionOptions {
  /** How far behind the watermark a record may be and still count; 0 by default. */
  readonly grace?: Duration
  /** A record that would make a session longer than this begins a new one; unlimited by default. */
  readonly maxLength?: Duration
}

/**
 * Sessions per key: `session('30m')` ends a visit when half an hour passes without a record. A record exactly `gap` after
 * another one is of the same session. `start` and `end` of a session are the times of its first and its last record, so one of
 * a single record lasts 0 ms; late records join what they touch, and may make one session of two.
 *
 * A record is late when its own time plus grace lies before the watermark; a session closes when the time of its last record plus
 * gap and grace does. So no record that counts ever comes too late for its session.
 *
 * With `maxLength` a session has the records up to so long after its first one, and the next record begins another, however near it is: a
 * device that never stops gives a result every so often. Throws `TypeError` for durations that are none.
 *
 * @example
 * stream.keyBy('visitor').window(session('30m', { grace: '1m' })).aggregate('visits', { views: count() }).emit('final')
 */
export function session(gap: Duration, options: SessionOptions = {}): SessionWindow {
  const gapMs = toMs(gap, 'session(gap)')
  if (gapMs === 0)
    throw new TypeError(
      "session(gap): a gap must be longer than 0; give a time without records such as '30m'",
    )
  const graceMs = toMs(options.grace ?? 0, 'session({ grace })')
  if (options.maxLength === undefined) return Object.freeze({ kind: 'session', gapMs, graceMs })
  const maxLengthMs = toMs(options.maxLength, 'session({ maxLength })')
  if (maxLengthMs === 0)
    throw new TypeError("session({ maxLength }): a session must be longer than 0; give a time such as '4h'")
  return Object.freeze({ kind: 'session', gapMs, graceMs, maxLengthMs })
}
