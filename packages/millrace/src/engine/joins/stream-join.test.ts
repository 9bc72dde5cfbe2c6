import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { json } from '../../serde/json.ts'
import { seededRandom } from '../../std/random.ts'
import { pipeline } from '../../stream/pipeline.ts'
import { topic } from '../../stream/topic.ts'
import { EngineRun, type EngineRunOptions } from '../testkit/engine-run.ts'
import { runRandomly } from '../testkit/random-schedule.ts'

interface Event {
  readonly id: number
  readonly at: number
  readonly key: string
}
interface Joined {
  readonly left: number | null
  readonly right: number | null
  readonly at: number
}
type How = 'join' | 'leftJoin' | 'outerJoin'

interface Scenario {
  readonly how: How
  readonly before: number
  readonly after: number
  readonly grace: number
  readonly outOfOrder: number
  readonly rekeyed: boolean
  readonly partitions: number
  readonly left: readonly (readonly Event[])[]
  readonly right: readonly (readonly Event[])[]
}

const t0 = 1_700_000_000_000
const out = topic<Joined, any, any>('out', { value: json<any>() })

function graphOf({ how, before, after, grace, outOfOrder, rekeyed, partitions }: Scenario) {
  const [left, right] = ['left', 'right'].map(name => topic(name, { value: json<Event>(), partitions }))
  const graph = pipeline('joined', p => {
    const read = (side: 'left' | 'right') => {
      const source = p.from(side === 'left' ? left! : right!, { outOfOrder, idle: 'never' })
      return rekeyed ? source.keyBy(`by-${side}`, 'key', { watermark: 1, partitions: 2 }) : source.byKey()
    }
    const joined = read('left')[how as 'outerJoin'](
      'joined',
      read('right'),
      { before, after, grace },
      (l, r, record): Joined => ({ left: l?.id ?? null, right: r?.id ?? null, at: record.timestamp - t0 }),
    )
    joined.to(out)
  }).graph
  return graph
}

/** All pairs, one by one: what SEMANTICS 3.2 and 6.3 say of each two records, and of each record alone. */
function oracle({ how, before, after, grace, outOfOrder, left, right }: Scenario) {
  const judged = (partitions: Scenario['left'], wait: number) =>
    partitions.flatMap(events => {
      let newest = Number.NEGATIVE_INFINITY
      return events.map(event => {
        const w = newest - outOfOrder
        newest = Math.max(newest, event.at)
        return { ...event, w, closesAt: event.at + wait + 1 + grace, met: false }
      })
    })
  const lefts = judged(left, after)
  const rights = judged(right, before)
  const isLate = ({ w, closesAt }: (typeof lefts)[number]) => closesAt <= w
  const results: Joined[] = []
  for (const l of lefts) {
    for (const r of rights) {
      if (l.key !== r.key || isLate(l) || isLate(r)) continue
      if (r.at < l.at - before || r.at > l.at + after) continue
      if (l.closesAt <= r.w || r.closesAt <= l.w) continue
      l.met = r.met = true
      results.push({ left: l.id, right: r.id, at: Math.max(l.at, r.at) })
    }
  }
  const alone = (all: typeof lefts) => all.filter(each => !each.met && !isLate(each))
  if (how !== 'join') for (const { id, at } of alone(lefts)) results.push({ left: id, right: null, at })
  if (how === 'outerJoin') for (const { id, at } of alone(rights)) results.push({ left: null, right: id, at })
  const late = [...lefts, ...rights].filter(isLate).map(({ id }) => id)
  return { results: results.map(each => JSON.stringify(each)).sort(), late: late.sort((a, b) => a - b) }
}

const side = (firstId: number, partitions: number) =>
  fc
    .array(
      fc.array(
        fc.record({ step: fc.integer({ min: -12, max: 15 }), key: fc.constantFrom('a', 'a', 'b', '') }),
        { maxLength: 25 },
      ),
      { minLength: partitions, maxLength: partitions },
    )
    .map(all => {
      let id = firstId
      return all.map(steps => {
        let newest = 100
        return steps.map(({ step, key }): Event => {
          const at = Math.max(0, newest + step)
          newest = Math.max(newest, at)
          return { id: id++, at, key }
        })
      })
    })

const scenario: fc.Arbitrary<Scenario> = fc.constantFrom(1, 2).chain(partitions =>
  fc.record({
    how: fc.constantFrom('join' as const, 'leftJoin' as const, 'outerJoin' as const),
    before: fc.constantFrom(0, 5, 20),
    after: fc.constantFrom(0, 3, 40),
    grace: fc.constantFrom(0, 0, 6, 200),
    outOfOrder: fc.constantFrom(0, 4),
    rekeyed: fc.boolean(),
    partitions: fc.constant(partitions),
    left: side(0, partitions),
    right: side(1000, partitions),
  }),
)

/** Without a keyBy the partition of a record is that of its key. */
function placed(each: Scenario): Scenario {
  if (each.rekeyed || each.partitions === 1) return each
  const place = (all: Scenario['left']) =>
    all.map((_, p) => all.flat().filter(({ key }) => (key === 'a' ? 0 : 1) === p))
  return { ...each, left: place(each.left), right: place(each.right) }
}

const modes: readonly EngineRunOptions[] = [
  { mode: 'compiled' },
  { mode: 'compiled', freeze: true },
  { mode: 'interpreted' },
  { mode: 'compiled', slice: { rows: 1, closes: 1 } },
]
const runs = Number(process.env.MILLRACE_SCENARIOS ?? 150)

describe('a join of two streams', () => {
  it('[3.2] [4.1] [6.3] gives each pair within the interval once, and each record alone once, in whatever order the sides are read', {
    timeout: Math.max(120_000, runs * 500),
  }, () => {
    fc.assert(
      fc.property(
        scenario.map(placed),
        fc.constantFrom(...modes),
        fc.constantFrom(0, 0.05, 0.1),
        fc.integer(),
        (each, mode, crashRate, seed) => {
          const run = new EngineRun(graphOf(each), mode)
          for (const name of ['left', 'right'] as const) {
            each[name].forEach((events, partition) => {
              // Batches of three.
              for (let at = 0; at < events.length; at += 3)
                run.append(
                  name,
                  partition,
                  events.slice(at, at + 3).map(event => ({
                    key: Buffer.from(event.key),
                    value: Buffer.from(JSON.stringify(event)),
                    timestamp: t0 + event.at,
                  })),
                )
            })
          }
          const random = seededRandom(seed)
          runRandomly(run, { random, steps: 120, crashRate, commitRate: 0.2, trimRate: 0.3 })
          const results = run.topics.records('out').map(({ value }) => value!.toString())
          const late = run
            .sideRecords('late')
            .map(({ value }) => JSON.parse(value!.toString()).id as number)
            .sort((a, b) => a - b)
          assert.deepEqual({ results: results.sort(), late }, oracle(each))
          // Records of a later run, behind everything: what waits is theirs alone.
          run.goLive()
          for (const name of ['left', 'right'] as const)
            for (let partition = 0; partition < each.partitions; partition++)
              run.append(name, partition, [
                {
                  key: Buffer.from('a'),
                  value: Buffer.from(JSON.stringify({ id: -1, at: 1e9, key: 'a' })),
                  timestamp: t0 + 1e9,
                },
              ])
          run.drain()
          const open = [...run.tasks.values()].flatMap(task => task.steps.map(step => step?.store.size ?? 0))
          assert.equal(
            open.reduce((sum, size) => sum + size, 0),
            each.rekeyed ? 2 : 2 * each.partitions,
            'nothing is kept for ever',
          )
        },
      ),
      { numRuns: runs },
    )
  })
})
