import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { KeyByNode, SourceNode } from '../plan/graph.ts'
import { pickings } from '../plan/picking.ts'
import { json } from '../serde/json.ts'
import { type PipelineBuilder, pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { EngineRun, type EngineRunOptions, type InputRecord } from './testkit/engine-run.ts'
import { other, out } from './testkit/hits.ts'
import { at, valuesIn } from './testkit/story.ts'

type Any = any

const hits = topic<Any>('hits', { value: json<Any>() })
const more = topic<Any>('more', { value: json<Any>() })
const users = topic<Any>('users', { value: json<Any>(), cleanup: 'compact' })

/** What a join picks of either side; written once, so that all modes have the same. */
const pick = (v: Any, row: Any) => ({
  id: v.id,
  name: row.name,
  more: v.more ?? 'no more',
  n: row?.n ?? 0,
  kind: 'hit',
})
const pickLeft = (v: Any, row: Any) => ({
  name: row?.name ?? null,
  id: v.id,
  city: row?.city,
  again: v.id,
})

/** What a computed member may be besides a text or a number. */
function odd(more: Any, n: Any): Any {
  if (n === 17) return { nested: more }
  if (n === -17) return new Date(0)
  if (n === 19.95) return 10n
  if (n === true) return () => more
  if (n === null) return { toJSON: (name: string) => `${name} of its own` }
  if (n === false) throw new Error('computed no more')
  return typeof n === 'number' ? Number.NaN : n
}

const size = (more: Any) => `${more}`.length

type Build = (p: PipelineBuilder) => void

const builds: Readonly<Record<string, Build>> = {
  inner: p => void p.from(hits).byKey().join(p.table(users), pick).to(out),
  left: p => void p.from(hits).byKey().leftJoin(p.table(users), pickLeft).to(out),
  'left, reading of no row': p => void p.from(hits).byKey().leftJoin(p.table(users), pick).to(out),
  'with nulls': p => void p.from(hits, { nulls: true }).byKey().leftJoin(p.table(users), pickLeft).to(out),
  'behind steps that look': p => {
    const keyed = p
      .from(hits)
      .filter(v => v.id !== 3)
      .peek(v => v.more)
      .byKey()
    keyed.leftJoin(p.table(users), pickLeft).to(out)
    keyed.map(v => ({ id: v.id, seen: true, more: v.more })).to(other)
  },
  'with other readers of records and rows': p => {
    const table = p.table(users)
    const keyed = p.from(hits).byKey()
    keyed.leftJoin(table, pickLeft).to(out)
    keyed.leftJoin(table, (v, row) => ({ both: `${v.more} ${row?.city}` })).to(other)
  },
  'with a table that others are made of': p => {
    const large = p.table(users).filter('large', ({ n }) => n > 1)
    const made = large.map('made', row => ({ name: row.name, n: row.n, city: new Date(0) }))
    p.from(hits).byKey().leftJoin(made, pickLeft).to(out)
  },
  'behind a keyBy': p => {
    const rows = p
      .from(users)
      .keyBy('city', v => `${v?.city}`)
      .map(v => ({ name: v.name, n: v.n }))
      .byKey()
    p.from(hits)
      .keyBy('more', v => `${v?.more}`)
      .leftJoin(rows.toTable('rows'), pick)
      .to(out)
  },
  'behind a step that is tried again': p => {
    const retry = { retries: 1, backoff: 1 }
    const wanted = p.from(hits).filter(v => v.id !== 3, { retry })
    wanted.byKey().leftJoin(p.table(users), pickLeft).to(out)
  },
  'of two sources': p => {
    const merged = p.from(hits).merge(p.from(more))
    merged.byKey().leftJoin(p.table(users), pickLeft).to(out)
  },
  'with rows of their own time': p => {
    p.from(hits)
      .byKey()
      .leftJoin(p.table(users, { versions: '1m' }), pickLeft)
      .to(out)
  },
  'that wait for their rows': p => {
    p.from(hits).byKey().leftJoin(p.table(users), pickLeft, { name: 'waits', wait: 'event-time' }).to(out)
  },
  'that compute, too': p => {
    p.from(hits)
      .filter(v => v.n !== 3)
      .map(v => ({ id: v.id, twice: v.n * 2, kind: 'hit', more: v.more ?? 'no more', n: v.n, odd: v.name }))
      .to(out)
  },
  'that compute what is no simple value': p => {
    const convert = ({ id, more, n, city: name }: Any, { key }: { key: unknown }) => ({
      id,
      computed: n === undefined ? undefined : odd(more, n),
      name,
      key,
    })
    p.from(hits, { nulls: true }).map(convert).to(out)
  },
  'that compute of a record': p => {
    const look = p.from(hits).peek(v => v.name)
    look
      .map((v, record) => ({ id: v.id, at: record.timestamp, of: `${record.key}`, size: size(v?.more) }))
      .to(out)
    look.map(v => ({ list: v.more, length: v.more?.length, id: v.id })).to(other)
  },
  'that compute, with failures of which a member is read': p => {
    const made = p.from(hits).map(({ id, n, name }) => ({ id, up: name.toUpperCase(), n }))
    made.to(out)
    made.failed.map(v => ({ id: v.id, more: v.more })).to(other)
  },
  'that compute, with failures that are read': p => {
    const made = p.from(hits).map(({ id, n, name }) => ({ id, up: name.toUpperCase(), n }))
    made.to(out)
    made.failed.map(v => ({ failed: v })).to(other)
  },
  'with failures that are read': p => {
    const joined = p.from(hits).byKey().leftJoin(p.table(users), pick)
    joined.to(out)
    joined.failed.map(v => ({ failed: v })).to(other)
  },
}

const graphOf = (build: Build) => pipeline('p', { maxFailureRate: 1 }, build).graph

const modes: readonly EngineRunOptions[] = [
  { mode: 'interpreted' },
  { mode: 'compiled' },
  { mode: 'compiled', freeze: true },
]

interface Sent {
  readonly topic: 'hits' | 'users'
  readonly key: string | null
  readonly text: string | null
}

/**
 * What leaves a run whose input comes in rounds, with a loss of everything that is not committed after each of them. A topic's records of a round
 * are a batch, or each of them is one.
 */
function outcome(
  build: Build,
  rounds: readonly (readonly Sent[])[],
  isBatched: boolean,
  options: EngineRunOptions,
) {
  const run = new EngineRun(graphOf(build), options).start()
  let second = 0
  for (const round of rounds) {
    const batches = { hits: [] as InputRecord[], users: [] as InputRecord[] }
    for (const { topic, key, text } of round) {
      const record = { ...at(++second, null, key), value: text === null ? null : Buffer.from(text) }
      if (isBatched) batches[topic].push(record)
      else run.append(topic, 0, [record])
    }
    if (batches.hits.length > 0) run.append('hits', 0, batches.hits)
    if (batches.users.length > 0) run.append('users', 0, batches.users)
    run.drain()
    run.crash([...run.tasks.values()])
  }
  const recordsOf = (records: ReturnType<EngineRun['topics']['records']>) =>
    records.map(({ partition, key, value, timestamp, headers }) => ({
      partition,
      key: key?.toString(),
      text: value?.toString(),
      timestamp,
      reason: headers['millrace.reason'],
      step: headers['millrace.step'],
    }))
  return {
    out: recordsOf(run.topics.records('out')),
    other: recordsOf(run.topics.records('other')),
    failed: recordsOf(run.sideRecords('failed')),
    rejected: recordsOf(run.sideRecords('rejected')),
  }
}

/** Values of members that are easily written differently from what was read. */
const oddTexts = [
  '1e21',
  '1e2',
  '-0',
  '0.10',
  '9007199254740993',
  '123456789012345678901234567890',
  '1e999',
  '"\\u0041\\/"',
  '"ä😀"',
  '"\\ud800"',
  '""',
  'null',
  'true',
  'false',
  '{"deep":[1, 2]}',
  '[ ]',
  '"a plain text that is not short at all"',
  '17',
  '-17',
  '1700000000123',
  '19.95',
  '"toJSON"',
]

const member = fc.tuple(
  fc.constantFrom('id', 'name', 'more', 'city', 'n', '__proto__', 'constructor', 'toJSON'),
  fc.constantFrom(...oddTexts),
)
const text = fc.oneof(
  { weight: 12, arbitrary: fc.array(member, { maxLength: 6 }).map(textOf) },
  { weight: 1, arbitrary: fc.constantFrom(null, 'null', '7', '"text"', '[1]', '{"id":', '') },
)

function textOf(members: readonly (readonly [string, string])[]): string {
  return `{${members.map(([name, value]) => `"${name}":${value}`).join(',')}}`
}

const sent: fc.Arbitrary<Sent> = fc.record({
  topic: fc.constantFrom('hits' as const, 'hits' as const, 'users' as const),
  key: fc.constantFrom('a', 'b', 'c', null),
  text,
})

describe('the results of steps that pick members', () => {
  for (const [name, build] of Object.entries(builds))
    it(`[4.1] [5.5] [6.2] are those of the interpreter, byte for byte: ${name}`, () => {
      const rounds = fc.array(fc.array(sent, { maxLength: 12 }), { minLength: 1, maxLength: 3 })
      fc.assert(
        fc.property(rounds, fc.boolean(), (input, isBatched) => {
          const [expected, ...others] = modes.map(mode => outcome(build, input, isBatched, mode))
          for (const each of others) assert.deepEqual(each, expected)
        }),
        { numRuns: 60 },
      )
    })

  it('are picked in these pipelines', () => {
    const counts = Object.entries(builds).map(([name, build]) => {
      const graph = graphOf(build)
      const inputs = graph.nodes.filter(
        (node): node is SourceNode | KeyByNode => node.kind === 'source' || node.kind === 'keyBy',
      )
      return [name, inputs.reduce((sum, input) => sum + pickings(graph, input).size, 0)]
    })
    assert.deepEqual(Object.fromEntries(counts), {
      inner: 1,
      left: 1,
      'left, reading of no row': 1,
      'with nulls': 1,
      'behind steps that look': 2,
      'with other readers of records and rows': 1,
      'with a table that others are made of': 1,
      'behind a keyBy': 1,
      'behind a step that is tried again': 0,
      'of two sources': 0,
      'with rows of their own time': 0,
      'that wait for their rows': 0,
      'that compute, too': 1,
      'that compute what is no simple value': 0,
      'that compute of a record': 2,
      'that compute, with failures of which a member is read': 1,
      'that compute, with failures that are read': 1,
      'with failures that are read': 1,
    })
  })

  it('[7.2] that are too large go to .failed whole', () => {
    const run = new EngineRun(graphOf(builds.inner!), { recordBytesMax: 450 }).start()
    run.append('users', 0, [at(1, { name: 'x'.repeat(100) })])
    run.append('hits', 0, [at(2, { id: 'y'.repeat(400) }), at(3, { id: 1 })])
    run.drain()
    assert.deepEqual(
      valuesIn(run, 'out').map(({ id }) => id),
      [1],
    )
    const [failed] = run.sideRecords('failed')
    assert.deepEqual(JSON.parse(failed!.value!.toString()), {
      id: 'y'.repeat(400),
      name: 'x'.repeat(100),
      more: 'no more',
      n: 0,
      kind: 'hit',
    })
  })

  it('are spread over as many batches as the topic needs, in the order of their records', () => {
    const run = new EngineRun(graphOf(builds.left!), { recordBytesMax: 300 }).start()
    const sent = Array.from({ length: 40 }, (_, i) => at(i, { id: i, name: 'x'.repeat(i % 9) }))
    run.append('hits', 0, sent)
    run.drain()
    assert.deepEqual(
      valuesIn(run, 'out').map(({ id }) => id),
      sent.map((_, i) => i),
    )
    assert.ok(run.topics.fetch('out', 0, 0).batches.every(batch => batch.length < 900))
    assert.ok(run.topics.fetch('out', 0, 0).batches.length > 5)
  })

  it('[6.2] have the row that the table has at that moment', () => {
    const run = new EngineRun(graphOf(builds.left!)).start()
    const names = ['Ann', 'Bob', null, 'Eve', 'Ann']
    for (const [i, name] of names.entries()) {
      run.append('users', 0, [at(2 * i, name === null ? null : { name, city: 'Bonn' })])
      run.append('hits', 0, [at(2 * i + 1, { id: i })])
      run.drain()
    }
    assert.deepEqual(
      valuesIn(run, 'out').map(({ name }) => name),
      names,
    )
  })

  it('have what a step in front of them has changed, where nothing forbids it', () => {
    const graph = graphOf(p => {
      const changed = p.from(hits).peek((v: Any) => {
        v.id++
        v.list.push('new')
      })
      changed
        .byKey()
        .leftJoin(p.table(users), v => ({ id: v.id, list: v.list }))
        .to(out)
    })
    const run = new EngineRun(graph).start()
    run.append('hits', 0, [at(1, { id: 1, list: [] })])
    run.drain()
    assert.deepEqual(valuesIn(run, 'out'), [{ id: 2, list: ['new'] }])
  })

  it('have the objects and lists that a step in front of them has changed, where nothing forbids it', () => {
    const graph = graphOf(p => {
      const changed = p.from(hits).peek((v: Any) => {
        v.list.push('new')
      })
      changed
        .byKey()
        .leftJoin(p.table(users), v => ({ list: v.list }))
        .to(out)
    })
    assert.equal(pickings(graph, graph.nodes[0] as SourceNode).size, 1)
    const run = new EngineRun(graph).start()
    run.append('hits', 0, [at(1, { list: [] })])
    run.drain()
    assert.deepEqual(valuesIn(run, 'out'), [{ list: ['new'] }])
  })
})
