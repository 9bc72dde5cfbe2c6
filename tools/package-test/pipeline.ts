import { count, json, pipeline, quantile, topic, tumbling } from 'millrace'

type View = { visitor: string; url: string; ms: number; at: number }
type PerPage = { views: number; p95: number | null; key: string; start: number; end: number }

const pageViews = topic('page-views', {
  value: json<View>(),
  key: v => v.visitor,
  timestamp: v => v.at,
  partitions: 4,
})
const engagement = topic('engagement', { value: json<PerPage>() })
const lateViews = topic('late-views', { value: json<View>() })

export default pipeline('engagement', p => {
  const perPage = p
    .from(pageViews, { outOfOrder: '10s', idle: '5s' })
    .filter(v => v.ms > 0)
    .keyBy('url')
    .window(tumbling('1m', { grace: '30s' }))
    .aggregate('per-page', { views: count(), p95: quantile('ms', 0.95) })
    .emit('final')
  perPage.to(engagement)
  perPage.late.to(lateViews)
})
