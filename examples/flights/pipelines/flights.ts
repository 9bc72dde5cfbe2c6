import { avg, calendar, count, pipeline } from 'millrace'
import { airlineDays, airlines, airports, arrivals, departures, flights as flightsTopic } from '../topics.ts'
import { input, timeZone } from './input.ts'

/** Departures meet their arrivals; one without any was diverted. Per day, how each airline did. */
export const flights = () =>
  pipeline('flights', p => {
    const carriers = p.globalTable(airlines)
    const places = p.globalTable(airports)
    const done = p
      .from(departures, input)
      .keyBy('departed', 'id')
      .leftJoin(
        'departure-arrival',
        p.from(arrivals, input).keyBy('arrived', 'id'),
        { after: '14h' },
        ({ id, carrier, origin, dest, at, lateMin }, arrival) => ({
          id,
          carrier,
          origin,
          dest,
          departed: at,
          departedLateMin: lateMin,
          arrivedLateMin: arrival?.lateMin ?? null,
        }),
      )
      .joinGlobal(carriers, { key: 'carrier' }, ({ carrier, ...flight }, { name }) => ({
        ...flight,
        airline: name,
      }))
      .joinGlobal(places, { key: 'dest' }, ({ dest, ...flight }, { city }) => ({ ...flight, city }))
    done.to(flightsTopic)

    done
      .keyBy('airline')
      .window(calendar('day', { timeZone }))
      .aggregate('airline-days', {
        flights: count(),
        diverted: count(flight => flight.arrivedLateMin === null),
        lateMin: avg('arrivedLateMin'),
        madeUpMin: avg(({ departedLateMin, arrivedLateMin }) =>
          arrivedLateMin === null ? null : departedLateMin - arrivedLateMin,
        ),
      })
      .emit('final')
      .to(airlineDays)
  })
