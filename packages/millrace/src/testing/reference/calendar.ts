import type { CalendarWindow } from '../../window/calendar.ts'

/** Beyond this no label is looked for; half a year more than the longest unit. */
const reachMs = 550 * 86_400_000

/** The window of a calendar that holds a time: the stretch around it in which the clock on the wall names the same unit. */
export function calendarWindowAt(spec: CalendarWindow, timestamp: number): { start: number; end: number } {
  const clock = new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
    timeZone: spec.timeZone,
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  const label = (at: number) => labelAt(clock, spec.unit, at)
  const own = label(timestamp)
  return { start: edge(label, own, timestamp, -1) + 1, end: edge(label, own, timestamp, 1) }
}

/** The time nearest to `from`, before or behind it, that another label has. */
function edge(label: (at: number) => string, own: string, from: number, direction: 1 | -1): number {
  let [inside, outside] = [from, from]
  for (let stepMs = 60_000; label(outside) === own; stepMs = Math.min(2 * stepMs, reachMs)) {
    inside = outside
    outside += direction * stepMs
  }
  while (Math.abs(outside - inside) > 1) {
    const middle = Math.trunc((inside + outside) / 2)
    if (label(middle) === own) inside = middle
    else outside = middle
  }
  return outside
}

function labelAt(clock: Intl.DateTimeFormat, unit: CalendarWindow['unit'], at: number): string {
  const parts = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, value]))
  const [year, month, day] = [Number(parts.year), Number(parts.month), Number(parts.day)]
  const wall = Date.UTC(year, month - 1, day, Number(parts.hour), Number(parts.minute), Number(parts.second))
  switch (unit) {
    case 'hour':
      // An hour that the clock repeats is another one, and so is what is left of it behind any change.
      return `${Math.floor(wall / 3_600_000)} at ${wall - Math.floor(at / 1000) * 1000}`
    case 'day':
      return `${year}-${month}-${day}`
    case 'week':
      // The epoch was a Thursday.
      return `${Math.floor((Math.floor(wall / 86_400_000) + 3) / 7)}`
    case 'month':
      return `${year}-${month}`
    case 'quarter':
      return `${year} ${Math.floor((month - 1) / 3)}`
    case 'year':
      return `${year}`
  }
}
