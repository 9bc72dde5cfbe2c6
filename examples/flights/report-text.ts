import type { Results } from './results.ts'
import type { Wave } from './topics.ts'

const zone = 'America/New_York'
const dayFormat = new Intl.DateTimeFormat('en-GB', {
  timeZone: zone,
  weekday: 'short',
  day: '2-digit',
  month: 'short',
})
const clockFormat = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit' })

/** `Fri, 08 Feb` in New York. */
const day = (ms: number) => dayFormat.format(ms)
/** `Fri, 08 Feb 17:05` in New York. */
const dayAndTime = (ms: number) => `${day(ms)} ${clockFormat.format(ms)}`

/** What happened, for the terminal. */
export function reportText(results: Results): string {
  return [
    section('Snowstorms: rain, snow, and clear again', snowstorms(results)),
    section('Bad sight (below 3 miles) of four hours and more', badSight(results)),
    section('Departures by the weather they left in', weatherDelays(results)),
    section('The worst three hours of each airport', worstHours(results)),
    section('Many cancellations', results.waves.toSorted(byStart).map(waveText)),
    section('Airlines over all days, worst first', airlines(results)),
    section('Diverted flights', diverted(results)),
    section('Overdue by half an hour', overdue(results)),
  ].join('')
}

export function waveText({ key, end, cancelled }: Wave): string {
  return `${dayAndTime(end)}  ${key}  ${cancelled} flights cancelled within an hour`
}

function section(title: string, lines: readonly string[]): string {
  return `\n${title}\n${lines.length === 0 ? '  none\n' : lines.map(line => `  ${line}\n`).join('')}`
}

function snowstorms({ snowstorms }: Results): string[] {
  return snowstorms
    .toSorted(byStart)
    .map(
      ({ key, start, end, snowReports, visibilityMi, coldestC }) =>
        `${key}  ${dayAndTime(start)} to ${dayAndTime(end)}  ${snowReports} hours of snow, sight down to ${visibilityMi} mi, ${coldestC} °C`,
    )
}

function badSight({ lowVisibility }: Results): string[] {
  return lowVisibility
    .filter(({ reports }) => reports >= 4)
    .toSorted(byStart)
    .map(
      ({ key, start, end, reports, visibilityMi, gustKt }) =>
        `${key}  ${dayAndTime(start)} to ${dayAndTime(end)}  ${reports} reports, down to ${visibilityMi} mi${gustKt === null ? '' : `, gusts of ${gustKt} kt`}`,
    )
}

function weatherDelays({ weatherDelays }: Results): string[] {
  const byDay = Map.groupBy(weatherDelays.toSorted(byStart), ({ start }) => start)
  return [...byDay].map(
    ([start, rows]) =>
      `${day(start)}  ${rows
        .toSorted((a, b) => b.flights - a.flights)
        .map(({ key, flights, lateMin }) => `${key}: ${flights} flights, ${minutes(lateMin)}`)
        .join('; ')}`,
  )
}

function worstHours({ boards }: Results): string[] {
  const byAirport = Map.groupBy(boards, ({ key }) => key)
  return [...byAirport]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, rows]) => {
      const { end, departed, cancelled, lateMin } = rows.toSorted(
        (a, b) => b.cancelled - a.cancelled || a.start - b.start,
      )[0]!
      return `${key}  to ${dayAndTime(end)}  ${departed} departed${departed === 0 ? '' : ` (${minutes(lateMin)})`}, ${cancelled} cancelled`
    })
}

function airlines({ airlineDays }: Results): string[] {
  return [...Map.groupBy(airlineDays, ({ key }) => key)]
    .map(([name, days]) => {
      const flights = days.reduce((sum, row) => sum + row.flights, 0)
      const arrived = days.reduce((sum, row) => sum + row.flights - row.diverted, 0)
      const mean = (field: 'lateMin' | 'madeUpMin') =>
        days.reduce((sum, row) => sum + (row[field] ?? 0) * (row.flights - row.diverted), 0) / arrived
      return { name, flights, lateMin: mean('lateMin'), madeUpMin: mean('madeUpMin') }
    })
    .toSorted((a, b) => b.lateMin - a.lateMin)
    .map(
      ({ name, flights, lateMin, madeUpMin }) =>
        `${name.padEnd(28)} ${String(flights).padStart(5)} flights, there ${minutes(lateMin)}, made up ${madeUpMin.toFixed(0)} min on the way`,
    )
}

function diverted({ flights }: Results): string[] {
  return flights
    .filter(({ arrivedLateMin }) => arrivedLateMin === null)
    .toSorted((a, b) => a.departed - b.departed)
    .map(
      ({ departed, id, city, airline }) =>
        `${dayAndTime(departed)}  ${id.split(' ')[0]} to ${city}, ${airline}`,
    )
}

function overdue({ overdue, landed }: Results): string[] {
  const late = landed.map(({ lateMin }) => lateMin).toSorted((a, b) => a - b)
  const half = late[Math.floor(late.length / 2)] ?? null
  return [
    `${overdue.length} flights; ${landed.length} landed after all, half of them ${minutes(half)} or more`,
  ]
}

function minutes(n: number | null): string {
  if (n === null) return 'no times'
  return `${Math.abs(n).toFixed(0)} min ${n < -0.5 ? 'early' : 'late'}`
}

function byStart(a: { start: number; key: string }, b: { start: number; key: string }): number {
  return a.start - b.start || (a.key < b.key ? -1 : 1)
}
