import { pipeline, side, state } from 'millrace'
import { arrivals, departures, type Landed, landed, type Overdue, overdue } from '../topics.ts'
import { input } from './input.ts'

/** Behind the arrivals of the last minute that is still in time. */
const PATIENCE_MS = 30 * 60_000 + 1

/** Tells of flights that are not there half an hour after their time, and when they have landed after all. */
export const watch = () =>
  pipeline('watch', p => {
    const departed = p.from(departures, input).keyBy('watch-departed', 'id')
    const arrived = p.from(arrivals, input).keyBy('watch-arrived', 'id')
    const missed = departed.merge(arrived).process(
      'expect',
      {
        state: {
          expected: state.value<Omit<Overdue, 'id'>>({ ttl: '2d' }),
          // Each topic is read at its own pace: an arrival may be here before its departure.
          early: state.value<Landed>({ ttl: '2d' }),
        },
        sides: { landed: side<Landed>() },
        onTimer({ key, state: { expected } }) {
          return [{ id: key, ...expected.get()! }]
        },
      },
      (message, { state: { expected, early }, timers, side }) => {
        if (message.kind === 'departed') {
          const { id, dest, due } = message
          const landed = early.get()
          early.delete()
          // A short flight may leave later than that, and is overdue from then on.
          const at = Math.max(due + PATIENCE_MS, message.at)
          if (landed === undefined) {
            expected.set({ dest, due, at })
            timers.at(at)
          } else if (landed.at >= at) {
            side('landed', landed)
            return [{ id, dest, due, at }]
          }
          return
        }
        const { id, at, lateMin } = message
        const flight = expected.get()
        if (flight === undefined) early.set({ id, at, lateMin })
        else if (at >= flight.at) side('landed', { id, at, lateMin })
        else {
          timers.cancel()
          expected.delete()
        }
        return
      },
    )
    missed.to(overdue)
    missed.sides.landed.to(landed)
  })
