import { json, topic } from 'millrace'

/** A flight by its number and planned time; the same in all of its messages. */
type OfFlight = { id: string; carrier: string; origin: string; dest: string; at: number }

/** It has left the gate at `at`, and is expected at `due`. */
export type Departure = OfFlight & { kind: 'departed'; lateMin: number; due: number }

/** It will not fly; `at` is its planned time. */
export type Cancellation = OfFlight & { kind: 'cancelled' }

/** It has reached the gate where it was to go. */
export type Arrival = OfFlight & { kind: 'arrived'; lateMin: number }

/** What an airport's weather station tells once an hour; null where the hour's report lacks it. */
export type Weather = {
  station: string
  at: number
  tempC: number
  windKt: number
  gustKt: number | null
  rainMm: number
  pressureHpa: number | null
  visibilityMi: number
}

export type Airline = { carrier: string; name: string }
export type Airport = { code: string; city: string }

/** `end` is that of the window; of event windows it is the last time in it. */
type InWindow = { key: string; start: number; end: number }

/** An airport in three hours, for each full hour. */
export type Board = InWindow & {
  departed: number
  cancelled: number
  lateMin: number | null
  worstMin: number | null
}

/** Hours of bad sight at one airport, with no more than two between them. */
export type LowVisibility = InWindow & { reports: number; visibilityMi: number | null; gustKt: number | null }

/** Rain that turned to snow, and then cleared up. */
export type Snowstorm = InWindow & { snowReports: number; visibilityMi: number; coldestC: number }

/** How flights leave in one kind of weather, on one day in New York; `key` is the kind. */
export type WeatherDelays = InWindow & { flights: number; lateMin: number | null }

/** A flight that came to its end: arrived, or never seen at its destination. */
export type Flight = {
  id: string
  airline: string
  origin: string
  city: string
  departed: number
  departedLateMin: number
  arrivedLateMin: number | null
}

/** An airline on one day in New York; `key` is its name. */
export type AirlineDay = InWindow & {
  flights: number
  diverted: number
  lateMin: number | null
  madeUpMin: number | null
}

/** A flight that was not there half an hour after its time; `at` is when that was known. */
export type Overdue = { id: string; dest: string; due: number; at: number }

/** An overdue flight that came after all. */
export type Landed = { id: string; at: number; lateMin: number }

/** Many cancellations within an hour at one airport; said once in six hours. */
export type Wave = InWindow & { cancelled: number }

const retention = 'forever'

export const departures = topic('departures', {
  value: json<Departure>(),
  key: 'origin',
  timestamp: 'at',
  partitions: 3,
  retention,
})
export const cancellations = topic('cancellations', {
  value: json<Cancellation>(),
  key: 'origin',
  timestamp: 'at',
  partitions: 3,
  retention,
})
export const weather = topic('weather', {
  value: json<Weather>(),
  key: 'station',
  timestamp: 'at',
  partitions: 3,
  retention,
})
export const arrivals = topic('arrivals', { value: json<Arrival>(), key: 'dest', timestamp: 'at', retention })

export const airlines = topic('airlines', { value: json<Airline>(), key: 'carrier', cleanup: 'compact' })
export const airports = topic('airports', { value: json<Airport>(), key: 'code', cleanup: 'compact' })

export const boards = topic('boards', { value: json<Board>(), retention })
export const lowVisibility = topic('low-visibility', { value: json<LowVisibility>(), retention })
export const snowstorms = topic('snowstorms', { value: json<Snowstorm>(), retention })
export const weatherDelays = topic('weather-delays', { value: json<WeatherDelays>(), retention })
export const flights = topic('flights', { value: json<Flight>(), retention })
export const airlineDays = topic('airline-days', { value: json<AirlineDay>(), retention })
export const overdue = topic('overdue', { value: json<Overdue>(), retention })
export const landed = topic('landed', { value: json<Landed>(), retention })
export const waves = topic('waves', { value: json<Wave>(), retention })
