import { avg, count, hopping, max, pipeline, sliding } from 'millrace'
import {
  boards as boardsTopic,
  type Cancellation,
  cancellations,
  type Departure,
  departures,
  waves,
} from '../topics.ts'
import { input } from './input.ts'

const CANCELLED_MIN = 10

type Left = Departure | Cancellation
const lateMin = (each: Left) => (each.kind === 'departed' ? each.lateMin : null)

/** What leaves each airport: three hours' departures and cancellations for every full hour, and a word when many are cancelled. */
export const boards = () =>
  pipeline('boards', p => {
    const departed = p.from(departures, input).byKey()
    const cancelled = p.from(cancellations, input).byKey()

    departed
      .merge(cancelled)
      .window(hopping('3h', { advance: '1h' }))
      .aggregate('three-hours', {
        departed: count(each => each.kind === 'departed'),
        cancelled: count(each => each.kind === 'cancelled'),
        lateMin: avg(lateMin),
        worstMin: max(lateMin),
      })
      .emit('final')
      .to(boardsTopic)

    cancelled
      .window(sliding('1h'))
      .aggregate('cancelled-in-an-hour', { cancelled: count() })
      .emit('final')
      .filter(row => row.cancelled >= CANCELLED_MIN)
      .byKey()
      .throttle('one-word-in-six-hours', '6h')
      .to(waves)
  })
