import fc from 'fast-check'
import type { Topic } from '../../plan/topic.ts'
import type { RawRecord, ReferenceInput } from '../reference/types.ts'

/** Where random event time begins, in ms. */
const start = 1_700_000_000_000
/** Nothing may reach so far back that a time looks like seconds. */
const timeMin = start - 1e9

const hourMs = 3_600_000

const oddKeys = ['a', 'b', 'c', '__proto__', 'constructor', 'toString', '', 'schlüssel 🔑', 'k'.repeat(300)]

/** A record before it has its place; times are relative to the largest one so far. */
interface EventRecipe {
  readonly kind: 'hit' | 'again' | 'null' | 'malformed' | 'primitive' | 'huge' | 'sparse' | 'wrongType'
  readonly step: number
  readonly key: string | null
  readonly user: string | null
  readonly page: string
  readonly ms: number
}

const step = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 1_500 }) },
  { weight: 4, arbitrary: fc.integer({ min: -6_000, max: -1 }) },
  { weight: 2, arbitrary: fc.integer({ min: -100_000, max: -6_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 9_000, max: 70_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(8 * 24 * hourMs, 3 * 365 * 24 * hourMs) },
)

const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', 'c') },
  { weight: 3, arbitrary: fc.constantFrom(...oddKeys) },
  { weight: 1, arbitrary: fc.constant(null) },
)

const kind = fc.oneof(
  { weight: 16, arbitrary: fc.constant('hit' as const) },
  { weight: 2, arbitrary: fc.constant('again' as const) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'null' as const,
      'malformed' as const,
      'primitive' as const,
      'huge' as const,
      'sparse' as const,
      'wrongType' as const,
    ),
  },
)

const event: fc.Arbitrary<EventRecipe> = fc.record({
  kind,
  step,
  key,
  user: key,
  page: fc.constantFrom('home', 'cart', 'boom', ''),
  ms: fc.oneof(fc.integer({ min: -5, max: 50 }), fc.constantFrom(13, 2 ** 40)),
})

/** Records for every partition of the topics: out of order, late, doubled, null, huge, broken, oddly keyed, years apart. */
export function arbitraryInput(
  topics: readonly Topic[],
  { recordsMax = 30 }: { recordsMax?: number } = {},
): fc.Arbitrary<ReferenceInput> {
  const partition = fc.array(event, { maxLength: recordsMax, size: 'max' })
  const lists = topics.map(({ partitions }) =>
    fc.tuple(...Array.from({ length: partitions }, () => partition)),
  )
  return fc.tuple(...lists).map(perTopic => ({
    bounded: true,
    topics: new Map(
      topics.map((topic, i) => [
        topic.name,
        perTopic[i]!.map((events, p) =>
          recordsOf(events, (i * 10 + p) * 1_000, topic.timestamp !== undefined),
        ),
      ]),
    ),
  }))
}

/** Where so many runs end in each partition of an input. */
export function arbitraryEnds(
  input: ReferenceInput,
  runs: number,
): fc.Arbitrary<NonNullable<ReferenceInput['ends']>> {
  const topics = [...input.topics]
  const lists = topics.map(([, partitions]) =>
    fc.tuple(
      ...partitions.map(({ length }) =>
        fc
          .array(fc.nat(length), { minLength: runs, maxLength: runs })
          .map(ends => ends.toSorted((a, b) => a - b)),
      ),
    ),
  )
  return fc.tuple(...lists).map(perTopic => new Map(topics.map(([topic], i) => [topic, perTopic[i]!])))
}

function recordsOf(events: readonly EventRecipe[], firstId: number, timed: boolean): RawRecord[] {
  const records: RawRecord[] = []
  let newest = start
  for (const [i, each] of events.entries()) {
    const previous = records.at(-1)
    if (each.kind === 'again' && previous !== undefined) {
      records.push(previous)
      continue
    }
    const time = Math.max(timeMin, newest + each.step)
    newest = Math.max(newest, time)
    records.push({
      key: each.key === null ? null : Buffer.from(each.key),
      value: bytesOf(each, firstId + i, timed ? time : undefined),
      timestamp: time,
    })
  }
  return records
}

function bytesOf(
  { kind, user, page, ms }: EventRecipe,
  id: number,
  at: number | undefined,
): Uint8Array | null {
  const json = (value: unknown) => Buffer.from(JSON.stringify(value))
  const hit = { id, user, page, ms, at }
  switch (kind) {
    case 'null':
      return null
    case 'malformed':
      return Buffer.from(['{"id":1', '', '{"id":1}}', '\u0000\u0001', "{'id':1}"][id % 5]!)
    case 'primitive':
      return json([42, 'text', null, [1, 2], true][id % 5])
    case 'huge':
      return json({ ...hit, pad: 'x'.repeat(20_000 + id) })
    case 'sparse':
      return json({ id, at })
    case 'wrongType':
      return json({ ...hit, ms: `${ms}` })
    default:
      return json(hit)
  }
}
