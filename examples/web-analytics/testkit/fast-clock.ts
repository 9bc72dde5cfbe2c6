import type { StartOptions } from 'millrace'

/** From here on a timer is a limit on how long something may take, and the machine is no faster than it is. */
const LIMIT_MS_MIN = 15_000

/** A clock on which a second takes only `1 / factor` of a second. */
export function fastClock(factor: number): NonNullable<StartOptions['clock']> {
  const beganAt = Date.now()
  const monotonic = () => performance.now() * factor
  const began = monotonic()
  return {
    now: () => beganAt + monotonic() - began,
    monotonic,
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms < LIMIT_MS_MIN ? ms / factor : ms)
      return () => clearTimeout(timer)
    },
  }
}
