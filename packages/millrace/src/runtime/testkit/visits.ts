import { count, json, pipeline, sum, topic, tumbling } from '../../index.ts'
import { topicPrefix } from './topic-prefix.ts'

const prefix = topicPrefix(import.meta.url)

/** A pipeline that worker threads can load: a window per visitor, and a running count behind a re-keying. */
export interface Visit {
  readonly visitor: string
  readonly page: string
  readonly ms: number
  readonly at: number
}

export const visits = topic(`${prefix}visits`, {
  value: json<Visit>(),
  key: 'visitor',
  timestamp: 'at',
  partitions: 4,
})
export const perVisitor = topic(`${prefix}per-visitor`, {
  value: json<{ visits: number; ms: number; key: string; start: number; end: number }>(),
})
export const perPage = topic(`${prefix}per-page`, {
  value: json<{ visits: number; ms: number; key: string; start: number; end: number }>(),
})

export default pipeline('visits', p => {
  const all = p.from(visits, { outOfOrder: '1s', idle: 'never' })
  const columns = { visits: count(), ms: sum('ms') }
  all.byKey().window(tumbling('10s')).aggregate('by-visitor', columns).emit('final').to(perVisitor)
  all.keyBy('page').window(tumbling('10s')).aggregate('by-page', columns).emit('final').to(perPage)
})
