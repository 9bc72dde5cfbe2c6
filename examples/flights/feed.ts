import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Airline, Airport, Arrival, Cancellation, Departure, Weather } from './topics.ts'

/** A message as an airport or a weather station sends it, and when it gets here. */
export type Message = {
  readonly topic: 'departures' | 'cancellations' | 'arrivals' | 'weather'
  readonly value: Departure | Cancellation | Arrival | Weather
  readonly arrivesAt: number
}

/** The tables that are known beforehand, and the messages in the order they come in. */
export interface Feed {
  readonly airlines: readonly Airline[]
  readonly airports: readonly Airport[]
  readonly messages: readonly Message[]
}

const MIN_MS = 60_000
const DAY_MIN = 24 * 60

/** How long a message is under way at most; the pipelines allow for as much. */
export const DELAY_MS_MAX = 5 * MIN_MS

/**
 * Reads the tables beside this program and makes messages of them. Each is under way for up to five minutes, so that they come out of
 * order; `seed` says how, the same way each time.
 */
export async function readFeed(seed = 1): Promise<Feed> {
  const [flights, reports, carriers, places] = await Promise.all(
    ['flights', 'weather', 'airlines', 'airports'].map(readTable),
  )
  const offsets = new Map(places!.map(row => [row.code!, Number(row.utc_offset_hours)]))
  const values = [
    ...flights!.flatMap(row => messagesOf(row, offsets.get(row.dest!)!)),
    ...reports!.map(row => ({ topic: 'weather' as const, value: weatherOf(row) })),
  ]
  const delays = random(seed)
  const messages = values.map(each => ({
    ...each,
    arrivesAt: each.value.at + Math.floor(delays() * DELAY_MS_MAX),
  }))
  return {
    airlines: carriers!.map(({ carrier, name }) => ({ carrier: carrier!, name: name! })),
    airports: places!.map(({ code, city }) => ({ code: code!, city: city! })),
    messages: messages.sort((a, b) => a.arrivesAt - b.arrivesAt),
  }
}

type Row = Record<string, string>

async function readTable(name: string): Promise<Row[]> {
  const text = await readFile(join(import.meta.dirname, 'data', `${name}.csv`), 'utf8')
  const [head, ...lines] = text.trimEnd().split('\n')
  const columns = head!.split(',')
  return lines.map(line => {
    const cells = line.split(',')
    return Object.fromEntries(columns.map((column, i) => [column, cells[i]!]))
  })
}

/** A row of the table tells all of a flight; its messages tell what was known when. */
function messagesOf(row: Row, utcOffsetHours: number): Omit<Message, 'arrivesAt'>[] {
  const planned = Date.parse(row.time_hour!) + Number(row.minute) * MIN_MS
  const { carrier, origin, dest } = row as { carrier: string; origin: string; dest: string }
  const id = `${carrier}${row.flight} ${origin} ${new Date(planned).toISOString().slice(0, 16)}`
  const flight = { id, carrier, origin, dest }
  const departedLateMin = figure(row.dep_delay!)
  if (departedLateMin === null)
    return [{ topic: 'cancellations', value: { kind: 'cancelled', ...flight, at: planned } }]
  const due = planned + blockMin(planned, row.sched_arr_time!, utcOffsetHours) * MIN_MS
  const at = planned + departedLateMin * MIN_MS
  const departure: Departure = { kind: 'departed', ...flight, at, lateMin: departedLateMin, due }
  const lateMin = figure(row.arr_delay!)
  if (lateMin === null) return [{ topic: 'departures', value: departure }]
  const arrival: Arrival = { kind: 'arrived', ...flight, at: due + lateMin * MIN_MS, lateMin }
  return [
    { topic: 'departures', value: departure },
    { topic: 'arrivals', value: arrival },
  ]
}

/** How long the flight is to take: its arrival is given by the clock of where it goes, as 615 for a quarter past six. */
function blockMin(planned: number, arrivalClock: string, utcOffsetHours: number): number {
  const departsMin = planned / MIN_MS + utcOffsetHours * 60
  const arrivesMin = Math.floor(Number(arrivalClock) / 100) * 60 + (Number(arrivalClock) % 100)
  return (((arrivesMin - departsMin) % DAY_MIN) + DAY_MIN) % DAY_MIN
}

function weatherOf(row: Row): Weather {
  const gust = figure(row.wind_gust!)
  return {
    station: row.origin!,
    at: Date.parse(row.time_hour!),
    tempC: rounded(((Number(row.temp) - 32) * 5) / 9),
    windKt: rounded(Number(row.wind_speed) * 0.868976),
    gustKt: gust === null ? null : rounded(gust * 0.868976),
    rainMm: rounded(Number(row.precip) * 25.4),
    pressureHpa: figure(row.pressure!),
    visibilityMi: Number(row.visib),
  }
}

function figure(text: string): number | null {
  return text === 'NA' || text === '' ? null : Number(text)
}

function rounded(n: number): number {
  return Math.round(n * 10) / 10
}

/** Numbers from 0 to 1, the same for the same seed. */
function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}
