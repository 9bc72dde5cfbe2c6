/** A span of time: milliseconds, or text such as `'500ms'`, `'10s'`, `'5m'`, `'1h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Gives a duration in whole milliseconds; throws `TypeError` naming `what` when it is not one. */
export function toMs(duration: Duration, what: string): number {
  const ms = typeof duration === 'number' ? duration : parse(duration)
  if (!Number.isSafeInteger(ms) || ms < 0) {
    const shown = typeof duration === 'string' ? `'${duration}'` : String(duration)
    throw new TypeError(
      `${what}: ${shown} is not a duration; give whole milliseconds (500) or text such as '500ms', '10s', '5m', '1h', '7d'`,
    )
  }
  return ms
}

function parse(text: unknown): number {
  const match = typeof text === 'string' ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) : null
  if (match === null) return Number.NaN
  const ms = Number(match[1]) * UNIT_MS[match[2]!]!
  // 0.1 + 0.2 kind of noise ('1.1s' = 1100.0000000000002) is not the user's fault.
  return Math.abs(ms - Math.round(ms)) < 1e-6 ? Math.round(ms) : ms
}
