import { json } from '../../serde/json.ts'
import { count, sum } from '../../stream/aggregates.ts'
import { pipeline } from '../../stream/pipeline.ts'
import { topic } from '../../stream/topic.ts'
import { tumbling } from '../../window/tumbling.ts'

/** A small pipeline for the driver's tests: a running count per page, and minutes per page, behind one re-keying. */
export interface View {
  readonly url: string
  readonly ms: number
  readonly at: number
}

export interface Minute {
  readonly views: number
  readonly ms: number
  readonly key: string
  readonly start: number
  readonly end: number
}

export const views = topic('views', { value: json<View>(), timestamp: 'at', partitions: 2 })
export const totals = topic('totals', { value: json<{ views: number }>(), partitions: 2 })
export const minutes = topic('minutes', { value: json<Minute>() })

export const viewsPipeline = pipeline('views', p => {
  const byPage = p.from(views, { outOfOrder: '1s' }).keyBy('url')
  byPage.aggregate('total', { views: count() }).emit('updates').to(totals)
  byPage
    .window(tumbling('1m'))
    .aggregate('per-minute', { views: count(), ms: sum('ms') })
    .emit('final')
    .to(minutes)
})

/** A whole minute, and the driver's usual start. */
export const t0 = Date.UTC(2026, 0, 1)

export function view(url: string, at: number, ms = 1): View {
  return { url, ms, at: t0 + at }
}
