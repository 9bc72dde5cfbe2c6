import { count, json, pipeline, sum, topic, tumbling } from '../../index.ts'
import { topicPrefix } from './topic-prefix.ts'

const prefix = topicPrefix(import.meta.url)

/** A pipeline whose partitions are to stay near one another, which worker threads can load. */
export interface Reading {
  readonly id: number
  readonly at: number
}

export const readings = topic(`${prefix}readings`, {
  value: json<Reading>(),
  timestamp: 'at',
  partitions: 4,
})
export const perMinute = topic(`${prefix}per-minute`, {
  value: json<{ n: number; ids: number; key: string; start: number; end: number }>(),
  partitions: 1,
})

export default pipeline('drifting', p => {
  p.from(readings, { maxDrift: '1m', idle: 'never' })
    .keyBy('all', () => 'all', { partitions: 2 })
    .window(tumbling('1m'))
    .aggregate('minutes', { n: count(), ids: sum('id') })
    .emit('final')
    .to(perMinute)
})
