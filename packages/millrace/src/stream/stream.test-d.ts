import { z } from 'zod'
import { out } from '../plan/out.ts'
import { json } from '../serde/json.ts'
import { keys } from '../serde/keys.ts'
import { countWindow } from '../window/count-window.ts'
import { cron } from '../window/cron.ts'
import { session } from '../window/session.ts'
import { tumbling } from '../window/tumbling.ts'
import { avg, collect, count, countDistinct, custom, first, last, max, quantile, sum } from './aggregates.ts'
import { every, when } from './emission.ts'
import { pipeline } from './pipeline.ts'
import type { KeyedStream, Stream } from './stream.ts'
import { topic } from './topic.ts'

// Checked by tsc, never run: types flow from the topic to the sink without an annotation.

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type ValueType<S> = S extends { readonly types?: { readonly value: infer V } } ? V : never
type KeyType<S> = S extends { readonly types?: { readonly key: infer K } } ? K : never
type RowType<T> = T extends { readonly rows?: { readonly row: infer R } } ? R : never
declare function is<_T extends true>(): void
/** The members of an intersection in one object. */
type Flat<T> = { [P in keyof T]: T[P] }

type View = {
  visitor: string
  url: string
  ms: number
  at: number
  size?: number
  tags: string[]
  geo: { city: string }
}
type Page = { views: number; p95: number | null; key: string; start: number; end: number }

const views = topic('views', {
  value: json<View>(),
  key: v => v.visitor,
  timestamp: v => v.at,
  partitions: 4,
})
const pages = topic('pages', { value: json<Page>() })
const byNumber = topic('by-number', { value: json<View>(), keySerde: keys.number, key: 'ms' })

topic('t', { value: json<View>(), timestamp: 'at' })
// @ts-expect-error a time is no string
topic('t', { value: json<View>(), timestamp: 'url' })
// @ts-expect-error no such field
topic('t', { value: json<View>(), key: 'nope' })
// @ts-expect-error keys are strings unless keySerde says otherwise
topic('t', { value: json<View>(), key: v => v.ms })

pipeline('sources', p => {
  const source = p.from(views)
  is<Equal<ValueType<typeof source>, View>>()
  is<Equal<KeyType<typeof source>, string | null>>()
  is<Equal<ValueType<typeof source.rejected>, Uint8Array>>()
  is<Equal<ValueType<typeof source.tombstones>, null>>()
  const nulls = p.from(views, { nulls: true })
  is<Equal<ValueType<typeof nulls>, View | null>>()
  const numbers = p.from(byNumber, { outOfOrder: '10s', idle: 'never' })
  is<Equal<KeyType<typeof numbers>, number | null>>()
})

pipeline('steps', p => {
  const source = p.from(views)
  const filtered = source.filter((v, record) => v.ms > 0 && record.key !== 'x')
  is<Equal<typeof filtered, Stream<View, string | null, View>>>()
  const mapped = source.map(v => ({ page: v.url }))
  is<Equal<typeof mapped, Stream<{ page: string }, string | null, View>>>()
  const set = source.map(v => out(v.ms, { key: 7, timestamp: v.at }))
  is<Equal<ValueType<typeof set>, number>>()
  is<Equal<KeyType<typeof set>, number>>()
  const kept = source.map(v => out(v.ms, { headers: { a: 'b' } }))
  is<Equal<KeyType<typeof kept>, string | null>>()
  const flat = source.flatMap(v => v.tags)
  is<Equal<ValueType<typeof flat>, string>>()
  const generated = source.flatMap(function* (v) {
    yield out(v.ms, { key: v.ms })
  })
  is<Equal<ValueType<typeof generated>, number>>()
  is<Equal<ValueType<typeof mapped.failed>, View>>()

  // @ts-expect-error values are read-only
  source.peek(v => (v.ms = 1))
  // @ts-expect-error all the way down
  source.peek(v => v.tags.push('x'))
  // @ts-expect-error async
  source.filter(async v => v.ms > 0)
  // @ts-expect-error async
  source.map(async v => v.ms)
  // @ts-expect-error async
  source.peek(async v => void v.ms)
  // @ts-expect-error async
  source.flatMap(async v => [v.ms])
  // @ts-expect-error no such field
  source.filter(v => v.nope)
  source.forEach(async v => void v.ms, { concurrency: 4 })
  source.forEach('send', v => v.ms)
})

pipeline('guards', p => {
  const shapes = p.from(
    topic('shapes', { value: json<{ kind: 'circle'; r: number } | { kind: 'square'; a: number }>() }),
  )
  const circles = shapes.filter(v => v.kind === 'circle')
  is<Equal<ValueType<typeof circles>['r'], number>>()
  const { circle, otherwise } = shapes.branch({
    circle: v => v.kind === 'circle',
    big: v => 'a' in v && v.a > 3,
  })
  is<Equal<ValueType<typeof circle>['r'], number>>()
  is<Equal<ValueType<typeof otherwise>['kind'], 'circle' | 'square'>>()
  // @ts-expect-error async
  shapes.branch({ circle: async v => v.kind === 'circle' })
})

pipeline('keys', p => {
  const source = p.from(views)
  const byUrl = source.keyBy('url')
  is<Equal<typeof byUrl, KeyedStream<View, string, View>>>()
  const bySize = source.keyBy('size')
  is<Equal<KeyType<typeof bySize>, number>>()
  const byHour = source.keyBy('by-hour', v => Math.floor(v.at / 3_600_000), { partitions: 8 })
  is<Equal<KeyType<typeof byHour>, number>>()
  const byCity = source.keyBy('by-url-2', 'url')
  is<Equal<KeyType<typeof byCity>, string>>()
  const own = source.byKey()
  is<Equal<KeyType<typeof own>, string>>()
  own
    .filter(v => v.ms > 0)
    .peek(v => void v.ms)
    .reduce('r', (a, v) => (a.ms > v.ms ? a : v))
  own.merge(own).reduce(
    'r2',
    (a, v) => a + v.ms,
    () => 0,
  )
  const mixed = own.merge(source)
  // @ts-expect-error one of them has no partitions by key
  void mixed.reduce
  const mapped = own.map(v => v)
  // @ts-expect-error a map may have changed the key
  void mapped.reduce
  // @ts-expect-error no such field
  source.keyBy('nope')
  // @ts-expect-error a field is no stateful step
  source.aggregate('x', { n: count() })
})

pipeline('aggregates', p => {
  const table = p
    .from(views)
    .keyBy('url')
    .aggregate('all', {
      n: count(),
      slow: count(v => v.ms > 1000),
      total: sum('ms'),
      long: sum((v, record) => v.ms + record.timestamp),
      size: max('size'),
      mean: avg('ms'),
      p95: quantile('ms', 0.95, { relativeAccuracy: 0.02 }),
      visitors: countDistinct('visitor'),
      cities: countDistinct(v => v.geo.city),
      city: first(v => v.geo.city),
      lastSize: last('size'),
      sizes: collect('size', { max: 5 }),
      own: custom({ init: () => 0, add: (s, v) => s + v.ms, version: 1 }),
      shown: custom({
        init: () => new Set<string>(),
        add: (s, v) => s.add(v.url),
        result: s => s.size,
        version: 1,
      }),
      earliest: custom<{ readonly at: number }, { readonly at: number } | null>({
        init: () => null,
        add: (best, v) => best ?? v,
        version: 1,
      }),
    })
  const rows = table.emit('updates')
  is<
    Equal<
      ValueType<typeof rows>,
      {
        n: number
        slow: number
        total: number
        long: number
        size: number | null
        mean: number | null
        p95: number | null
        visitors: number
        cities: number
        city: string
        lastSize: number | null
        sizes: number[]
        own: number
        shown: number
        earliest: { readonly at: number } | null
      } | null
    >
  >()
  rows.map(row => row!.earliest!.at)
  const keyed = p.from(views).byKey()
  // @ts-expect-error a string has no sum
  keyed.aggregate('a', { s: sum('url') })
  // @ts-expect-error no such field
  keyed.aggregate('b', { s: first('nope') })
  // @ts-expect-error no such field
  keyed.aggregate('c', { s: sum(v => v.nope) })
  // @ts-expect-error a string has no quantile
  keyed.aggregate('d', { s: quantile(v => v.url, 0.5) })
  // @ts-expect-error without a window nothing is final
  table.emit('final')
  table.emit(every('1s'))
  table.emit(every(cron('0 * * * *')))
  const full = table.emit(when(row => row.n > 3, { again: true }))
  is<Equal<ValueType<typeof full>, NonNullable<ValueType<typeof rows>>>>()
  // @ts-expect-error there is no such column
  table.emit(when(row => row.others > 1))
})

pipeline('windows', p => {
  const table = p
    .from(views)
    .keyBy('url')
    .window(tumbling('1m'))
    .aggregate('per-page', { views: count(), p95: quantile('ms', 0.95) })
  const full = table.emit(when(row => row.views >= 3 && row.key !== '' && row.end > row.start))
  is<Equal<ValueType<typeof full>, ValueType<typeof perPage>>>()
  // @ts-expect-error there is no such column
  table.emit(when(row => row.others > 1))
  const perPage = table.emit('final')
  is<Equal<Flat<ValueType<typeof perPage>>, Page>>()
  is<Equal<ValueType<typeof perPage.late>, View>>()
  perPage.to(pages)
  perPage.late.to(views)
  table.late.to(views)
  const reduced = p.from(views).byKey().window(tumbling('1s'))
  const longest = reduced
    .reduce(
      'longest',
      (a, v) => Math.max(a, v.ms),
      () => 0,
    )
    .emit('updates')
  is<Equal<Flat<ValueType<typeof longest>>, { value: number; key: string; start: number; end: number }>>()
})

pipeline('sessions', p => {
  const windows = p.from(views).keyBy('url').window(session('30m'))
  // @ts-expect-error two results cannot be made one
  windows.reduce('longest', a => a)
  const table = windows.aggregate('visits', { views: count(), entry: first('url') })
  type Visit = { views: number; entry: string; key: string; start: number; end: number }
  const visits = table.emit('final')
  is<Equal<Flat<ValueType<typeof visits>>, Visit>>()
  const changes = table.emit('updates')
  is<Equal<Flat<NonNullable<ValueType<typeof changes>>>, Visit>>()
  // @ts-expect-error a session that merged is null
  changes.map(row => row.views)
  const tens = p.from(views).keyBy('url').window(countWindow(10)).aggregate('tens', { n: count() })
  is<
    Equal<
      Flat<ValueType<ReturnType<typeof tens.emit>>>,
      { n: number; key: string; start: number; end: number }
    >
  >()
  // @ts-expect-error only what is full goes out
  tens.emit('updates')
  // @ts-expect-error nothing is late
  tens.late
  const minutes = p.from(views).keyBy('url').window(tumbling('1m')).aggregate('n', { n: count() })
  minutes.emit('updates').map(row => row.n)
})

pipeline('sinks', p => {
  const source = p.from(views)
  source.to(views).failed.to(topic('dead', { value: json<unknown>(), keySerde: keys.json() as never }))
  // @ts-expect-error another shape
  source.to(pages)
  // @ts-expect-error a key of another type
  source.to(byNumber)
  // @ts-expect-error a key of another type
  source.keyBy('ms').to(views)
  source.keyBy('ms').to(byNumber)
  source.map(v => ({ ...v, tags: [...v.tags] })).to(views)
  source.map(v => v).to(views)
  source.map(v => out(null, { key: v.url })).to(views)
  source.print(v => v.url)
  // @ts-expect-error a line is a string
  source.print(v => v.ms)
})

pipeline('schemas', p => {
  const order = topic('order', { value: json(z.object({ id: z.string(), count: z.number().default(1) })) })
  const orders = p.from(order)
  is<Equal<ValueType<typeof orders>, { id: string; count: number }>>()
  const copy = topic('copy', { value: order.value })
  orders.map(v => ({ id: v.id })).to(copy)
  // @ts-expect-error the schema does not take this
  orders.map(v => ({ count: v.count })).to(copy)
})

pipeline('fragments', p => {
  const slow = <V extends { ms: number }, K>(stream: Stream<V, K>) => stream.filter(v => v.ms > 1000)
  const result = p.from(views).apply(slow)
  result.to(views)
  const again = result.filter(v => v.url !== '').apply(slow)
  is<Equal<ValueType<typeof again>['geo']['city'], string>>()
  const counted = (stream: KeyedStream<View, string>) => stream.aggregate('n', { n: count() })
  p.from(views).byKey().apply(counted).emit('updates')
})

// @ts-expect-error a pipeline is built at once
pipeline('async', async p => void p.from(views))

pipeline('tables', p => {
  type Visitor = { name: string; age?: number }
  const visitors = topic('visitors', { value: json<Visitor>() })
  const table = p.table(visitors)
  is<Equal<RowType<typeof table>, Visitor>>()
  is<Equal<ValueType<typeof table.rejected>, Uint8Array>>()
  const changes = table.emit('updates')
  is<Equal<ValueType<typeof changes>, Visitor | null>>()
  is<Equal<KeyType<typeof changes>, string>>()
  const keyed = p.from(views).byKey()
  const joined = keyed.join(table, (view, visitor) => ({ url: view.url, name: visitor.name }))
  is<Equal<typeof joined, Stream<{ url: string; name: string }, string, View>>>()
  const left = keyed.leftJoin(table, (_view, visitor, record) => ({ name: visitor?.name, key: record.key }))
  is<Equal<ValueType<typeof left>, { name: string | undefined; key: string }>>()
  // @ts-expect-error the row may miss
  keyed.leftJoin(table, (_, visitor) => visitor.name)
  const byMs = p.from(views).keyBy('ms')
  // @ts-expect-error keys of another type
  byMs.join(table, (_, visitor) => visitor.name)
  // @ts-expect-error a stream without keys
  void p.from(views).join
  // @ts-expect-error async
  keyed.join(table, async () => 1)
  // @ts-expect-error rows are read-only
  keyed.join(table, (_, visitor) => (visitor.name = 'x'))

  const grown = table.filter('grown', (row): row is Visitor & { age: number } => (row.age ?? 0) > 17)
  is<Equal<RowType<typeof grown>['age'], number>>()
  const names = table.map('names', row => (row.name === '' ? null : row.name))
  is<Equal<RowType<typeof names>, string>>()
  const perAge = table.groupBy('by-age', 'age').aggregate('per-age', { people: count() })
  is<Equal<KeyType<ReturnType<typeof perAge.emit>>, number>>()
  const latest = keyed.toTable('latest')
  is<Equal<RowType<typeof latest>, View>>()
  const counts = keyed.aggregate('counts', { n: count() })
  const both = counts.join('both', names, (row, name) => ({ n: row.n, name }))
  is<Equal<RowType<typeof both>, { n: number; name: string }>>()
  const outer = latest.outerJoin('outer', names, (view, name) => ({ url: view?.url, name }))
  is<Equal<RowType<typeof outer>, { url: string | undefined; name: string | undefined }>>()
  const three = p.join(
    'three',
    { latest, names, counts },
    row => [row.latest.url, row.names, row.counts?.n],
    {
      optional: ['counts'],
    },
  )
  is<Equal<RowType<typeof three>, (string | number | undefined)[]>>()
  // @ts-expect-error counts may miss
  p.join('four', { latest, counts }, row => row.counts.n, { optional: ['counts'] })
  const rates = p.table(visitors, { versions: '1h' })
  keyed.join(rates, (_, row) => row.name, { name: 'waits', wait: 'event-time' })
  // @ts-expect-error no such way of waiting
  keyed.join(rates, (_, row) => row.name, { wait: 'ever' })
  // @ts-expect-error no such table
  p.join('five', { latest, counts }, row => row.latest.ms, { optional: ['nope'] })
  // @ts-expect-error only the rows of a window are final
  latest.emit('final')
})

pipeline('joins of streams', p => {
  type Click = { url: string; x: number }
  const views1 = p.from(views).byKey()
  const clicks = p.from(topic('clicks', { value: json<Click>() })).byKey()
  const inner = views1.join('inner', clicks, { after: '1m' }, (view, click) => ({ ms: view.ms, x: click.x }))
  is<Equal<ValueType<typeof inner>, { ms: number; x: number }>>()
  is<Equal<KeyType<typeof inner>, string>>()
  is<Equal<ValueType<typeof inner.late>, View | Click>>()
  const left = views1.leftJoin('left', clicks, { after: '1m' }, (view, click, record) => [
    view.ms,
    click?.x,
    record.key,
  ])
  is<Equal<ValueType<typeof left>, (string | number | undefined)[]>>()
  const outer = views1.outerJoin('outer', clicks, {}, (view, click) => ({ ms: view?.ms, x: click?.x }))
  is<Equal<ValueType<typeof outer>, { ms: number | undefined; x: number | undefined }>>()
  // @ts-expect-error the right one may miss
  views1.leftJoin('no', clicks, {}, (_, click) => click.x)
  const byMs = p.from(views).keyBy('ms')
  // @ts-expect-error keys of another type
  byMs.join('no', clicks, {}, () => 1)
})
