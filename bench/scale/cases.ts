import {
  count,
  every,
  json,
  type Pipeline,
  pipeline,
  session,
  sum,
  type Topic,
  topic,
  tumbling,
} from 'millrace'

/** One record of the input. */
export interface Item {
  readonly key: number
  readonly ms: number
  readonly at: number
}

export interface ScaleCase {
  readonly name: string
  readonly title: string
  /** Of which the number of records is one tenth with --quick. */
  readonly size: number
  readonly partitions: number
  /** What is in the log before the start, as a function of the size. */
  items(size: number): Iterable<Item>
  readonly pipeline: Pipeline
  /** The rows that must come out, and the sum of their `n`; the last window of each partition stays open. */
  expected(size: number): { readonly rows: number; readonly n: number }
  /** Rows of the store at the end, and the sum of their `n`. */
  readonly step: string
  /** Ends the case by a record of this time in every partition, after a restart with all of it open. */
  readonly endAt?: number
}

/** Inside an hour, so that nothing falls on its turn. */
const t0 = Date.UTC(2026, 0, 1, 0, 0, 1)
const hour = 3_600_000
export const inputTopic = 'scale-input'
export const outputTopic = 'scale-output'
export type Value = { readonly k: string; readonly ms: number }
export type Row = { readonly n: number; readonly total: number }

function input(partitions: number): Topic<Value, string> {
  return topic(inputTopic, { value: json<Value>(), partitions })
}

const output = topic(outputTopic, { value: json<Row>(), partitions: 1 })
const columns = { n: count<Value>(), total: sum<Value>('ms') }

/** Each of so many keys once, then a tenth of them a second time. */
function* keysTwice(size: number, stepMs: number): Generator<Item> {
  for (let i = 0; i < size; i++) yield { key: i, ms: i % 100, at: t0 + Math.floor(i * stepMs) }
  for (let i = 0; i < size; i += 10) yield { key: i, ms: 1, at: t0 + Math.floor((size + i) * stepMs) }
}

export const cases: readonly ScaleCase[] = [
  {
    name: 'keys',
    title: '10 M live keys, a count and a sum each',
    size: 10_000_000,
    partitions: 4,
    items: size => keysTwice(size, 0.001),
    pipeline: pipeline('keys', p => {
      p.from(input(4), { idle: 'never' }).byKey().aggregate('state', columns)
    }),
    step: 'state',
    expected: () => ({ rows: 0, n: 0 }),
  },
  {
    name: 'tick',
    title: '1 M changed rows at one tick of `emit(every)`',
    size: 1_000_000,
    partitions: 1,
    items: size => keysTwice(size, 0.001),
    pipeline: pipeline('tick', p => {
      p.from(input(1), { idle: 'never' })
        .byKey()
        .aggregate('state', columns)
        .emit(every('1h', { time: 'event' }))
        .to(output)
    }),
    step: 'state',
    endAt: t0 + 2 * hour - 2_000,
    // The first record finds a tick of the past due, and the last one goes out with the others.
    expected: size => ({ rows: size + 2, n: size + Math.ceil(size / 10) + 2 }),
  },
  {
    name: 'sessions',
    title: '1 M open sessions that close at once',
    size: 1_000_000,
    partitions: 1,
    items: size => keysTwice(size, 0.001),
    pipeline: pipeline('sessions', p => {
      p.from(input(1), { idle: 'never' })
        .byKey()
        .window(session('30m'))
        .aggregate('state', columns)
        .emit('final')
        .to(output)
    }),
    step: 'state',
    endAt: t0 + 2 * hour - 2_000,
    expected: size => ({ rows: size, n: size + Math.ceil(size / 10) }),
  },
  {
    name: 'windows',
    title: '100k windows of ten rows each that close at once',
    size: 100_000,
    partitions: 1,
    *items(size) {
      for (let window = 0; window < size; window++)
        for (let key = 0; key < 10; key++) yield { key, ms: 1, at: t0 + window * 1_000 + key }
    },
    pipeline: pipeline('windows', p => {
      p.from(input(1), { idle: 'never', outOfOrder: '48h' })
        .byKey()
        .window(tumbling('1s'))
        .aggregate('state', columns)
        .emit('final')
        .to(output)
    }),
    step: 'state',
    endAt: t0 + 96 * hour,
    expected: size => ({ rows: size * 10, n: size * 10 }),
  },
  {
    name: 'wide',
    title: '100 windows of 20k rows each that close at once',
    size: 2_000_000,
    partitions: 1,
    *items(size) {
      const keys = size / 100
      for (let i = 0; i < size; i++) yield { key: i % keys, ms: 1, at: t0 + Math.floor(i / keys) * 1_000 }
    },
    pipeline: pipeline('wide', p => {
      p.from(input(1), { idle: 'never', outOfOrder: '1h' })
        .byKey()
        .window(tumbling('1s'))
        .aggregate('state', columns)
        .emit('final')
        .to(output)
    }),
    step: 'state',
    endAt: t0 + 2 * hour - 2_000,
    expected: size => ({ rows: size, n: size }),
  },
  {
    name: 'hot',
    title: 'one key with half of 2 M records, behind a re-keying',
    size: 2_000_000,
    partitions: 4,
    *items(size) {
      for (let i = 0; i < size; i++)
        yield { key: i % 2 === 0 ? 0 : i % 100_000, ms: 1, at: t0 + Math.floor(i / 10) }
    },
    pipeline: pipeline('hot', p => {
      p.from(input(4), { idle: 'never' })
        .keyBy('k')
        .window(tumbling('10s'))
        .aggregate('state', columns)
        .emit('updates')
        .to(output)
    }),
    step: 'state',
    expected: size => ({ rows: size, n: Number.NaN }),
  },
]
