import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { count, quantile } from '../stream/aggregates.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { session } from '../window/session.ts'
import { tumbling } from '../window/tumbling.ts'
import { describeGraph } from './describe.ts'
import { descriptionMermaid } from './describe-mermaid.ts'
import { descriptionText } from './describe-text.ts'

type View = { url: string; ms: number; at: number }
const views = topic('page-views', { value: json<View>(), timestamp: v => v.at })
const rows = topic('engagement', { value: json<{ views: number }>() })
const late = topic('late-views', { value: json<View>() })

const { graph } = pipeline('engagement', p => {
  const perPage = p
    .from(views, { outOfOrder: '10s', idle: 'never' })
    .filter(v => v.ms > 0)
    .keyBy('url')
    .window(tumbling('1m', { grace: '30s' }))
    .aggregate('per-page', { views: count(), p95: quantile('ms', 0.95) })
    .emit('final')
  perPage.to(rows)
  perPage.late.to(late)
})

describe('a description', () => {
  it('says what a session is', () => {
    const visits = pipeline('visits', p => {
      p.from(views)
        .keyBy('url')
        .window(session('30m', { grace: '1m' }))
        .aggregate('visits', { n: count() })
    })
    assert.match(
      descriptionText(describeGraph(visits.graph)),
      /visits \(aggregate\): session gap 1800000 ms, grace 60000 ms; n: count\(\)/,
    )
  })

  it('[5.5] shows what is decoded and the steps between two topics', () => {
    assert.equal(
      descriptionText(describeGraph(graph)),
      `pipeline engagement

page-views
  page-views decodes at, ms, url
  page-views (source): json, out of order 10000 ms, idle never
  filter
  url (keyBy): url

url.repartition (keyed)
  url.repartition decodes ms
  per-page (aggregate): tumbling 60000 ms, grace 30000 ms; views: count(), p95: quantile(ms, 0.95)
    emit: final
    to(engagement): json
    .late to(late-views): json
`,
    )
  })

  it('[5.5] says why a record is decoded whole', () => {
    const printing = pipeline('p', p => {
      p.from(late).print()
    })
    assert.match(
      descriptionText(describeGraph(printing.graph)),
      /late-views decodes the whole record because print: without a format it prints the whole value/,
    )
  })

  it('shows the retention that a topic declares', () => {
    const raw = topic('raw', { value: json<View>(), retention: '36h' })
    const kept = topic('kept', { value: json<View>(), retention: 'forever' })
    const odd = topic('odd', { value: json<View>(), retention: 1500 })
    const copying = pipeline('p', p => {
      const source = p.from(raw)
      source.to(kept)
      source.to(odd)
    })
    const details = describeGraph(copying.graph).steps.map(({ detail }) => detail)
    assert.deepEqual(details, [
      'json, retention 36h, out of order 0 ms, idle 5000 ms',
      'json, retention forever',
      'json, retention 1500ms',
    ])
  })

  it('shows a step with several inputs once', () => {
    const merged = pipeline('p', p => {
      const source = p.from(late)
      const { slow, otherwise } = source.branch({ slow: v => v.ms > 1000 })
      slow.merge(otherwise).to(rows as never)
    })
    assert.equal(
      descriptionText(describeGraph(merged.graph)).split('\n').slice(4).join('\n'),
      `  late-views (source): json, out of order 0 ms, idle 5000 ms
  branch: slow
    .slow merge
    to(engagement): json
    .otherwise merge (as above)
`,
    )
  })

  it('survives JSON', () => {
    const description = describeGraph(graph)
    assert.deepEqual(JSON.parse(JSON.stringify(description)), description)
  })

  it('draws a flow chart', () => {
    assert.equal(
      descriptionMermaid(describeGraph(graph)),
      `flowchart LR
  s0(["page-views: json, out of order 10000 ms, idle never"])
  s1["filter"]
  s2{{"url: url"}}
  s3[("per-page: tumbling 60000 ms, grace 30000 ms; views: count(), p95: quantile(ms, 0.95)")]
  s4["emit: final"]
  s5(["to(engagement): json"])
  s6(["to(late-views): json"])
  s0 --> s1
  s1 --> s2
  s2 --> s3
  s3 --> s4
  s4 --> s5
  s3 -- "late" --> s6
`,
    )
  })
})
