import type { KeyedStream, Stream } from '../index.ts'
import { json, out, pipeline, topic } from '../index.ts'

interface Order {
  readonly item: string
  readonly n: number
}
const orders = topic('orders', { value: json<Order>(), key: 'item' })

function expect<T>(_: T): void {}

pipeline('types', p => {
  const priced = p.from(orders).asyncMap('price', async ({ item, n }, { key, signal, attempt }) => {
    expect<string | null>(key)
    expect<AbortSignal>(signal)
    expect<number>(attempt)
    return { item, cents: n * 7 }
  })
  expect<Stream<{ item: string; cents: number }, string | null, Order>>(priced)

  // Its failures have the values that it was given.
  expect<Stream<Order, string | null>>(priced.failed)

  // What a callback gives at once is a result too, and out() sets key and value.
  expect<Stream<number, string | null>>(p.from(orders).asyncMap('at-once', v => v.n))
  expect<Stream<string, number>>(p.from(orders).asyncMap('keyed', async v => out(v.item, { key: v.n })))

  // @ts-expect-error: what groups behind it needs a keyBy
  priced.aggregate
  expect<KeyedStream<{ item: string; cents: number }, string>>(priced.keyBy('item'))

  // @ts-expect-error: values are read-only
  p.from(orders).asyncMap('change', async v => (v.n = 1))
})
