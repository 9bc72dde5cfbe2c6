import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../../serde/json.ts'
import { pipeline } from '../../stream/pipeline.ts'
import { topic } from '../../stream/topic.ts'
import type { TaskInput } from '../task-input.ts'
import { EngineRun, type InputRecord } from '../testkit/engine-run.ts'
import { out } from '../testkit/hits.ts'
import { at, valuesIn } from '../testkit/story.ts'

type Any = any

const hits = topic<Any>('hits', { value: json<Any>() })
const users = topic<Any>('users', { value: json<Any>(), cleanup: 'compact' })
const { graph } = pipeline('p', p => {
  p.from(hits)
    .byKey()
    .leftJoin(p.table(users), (v: Any, row: Any) => ({ id: v.id, name: row?.name ?? 'nobody' }))
    .to(out)
})

const keyOf = (i: number) => `user ${i % 90}`
const hit = (second: number, id: number) => at(second, { id }, keyOf(id))
const hitsFrom = (second: number, count: number) =>
  Array.from({ length: count }, (_, i) => hit(second + i, i))

/** A run that has joined a record with a row already, and its input of hits; every tenth user has no row. */
function joined(): { run: EngineRun; input: TaskInput } {
  const run = new EngineRun(graph).start()
  const rows: InputRecord[] = []
  for (let i = 0; i < 90; i++) if (i % 10 > 0) rows.push(at(0, { name: `name ${i}` }, keyOf(i)))
  run.append('users', 0, rows)
  run.append('hits', 0, [hit(1, 1)])
  run.drain()
  return { run, input: [...run.tasks.values()][0]!.inputs.find(({ topic }) => topic === 'hits')! }
}

/** Counts the steps of an input's cursor; `fails` says before which of them the batch turns out to be broken. */
function watched({ cursor }: TaskInput, fails: () => boolean = () => false): { steps: number } {
  const count = { steps: 0 }
  const next = cursor.next.bind(cursor)
  cursor.next = () => {
    count.steps++
    if (fails()) throw new Error('broken')
    return next()
  }
  return count
}

describe('records that are looked at ahead of a join', () => {
  it('are joined with the rows of their keys', () => {
    const { run } = joined()
    run.append('hits', 0, [...hitsFrom(2, 500), { ...hit(502, 500), key: null }, hit(503, 501)])
    run.drain()
    const results = valuesIn(run, 'out').slice(1)
    assert.deepEqual(
      results,
      [...Array(500).keys(), 501].map(id => ({ id, name: id % 10 === 0 ? 'nobody' : `name ${id % 90}` })),
    )
  })

  it('are looked at once, also where the rows change between them', () => {
    const { run, input } = joined()
    const count = watched(input)
    const changes = Array.from({ length: 300 }, (_, i) => at(2 + i, { name: `at ${i}` }, keyOf(i)))
    run.append('users', 0, changes)
    run.append('hits', 0, hitsFrom(2, 300))
    run.drain()
    assert.deepEqual(
      valuesIn(run, 'out')
        .slice(1)
        .map(({ name }) => name),
      changes.map((_, i) => `at ${i}`),
    )
    assert.ok(count.steps >= 600 && count.steps < 650, `${count.steps} steps`)
  })

  for (const [what, isBroken, processed] of [
    ['ahead of the loop', ({ left }) => left === 1, 2],
    ['in the loop alone', (_, steps) => steps === 4, 0],
  ] as readonly [string, (cursor: TaskInput['cursor'], steps: number) => boolean, number][])
    it(`[7.6] count as not processed when their batch turns out not to make sense, ${what}`, () => {
      const { run, input } = joined()
      run.append('hits', 0, hitsFrom(2, 3))
      run.poll(input)
      input.openBatch()
      const before = input.position
      const count: { steps: number } = watched(input, () => isBroken(input.cursor, count.steps))
      const task = [...run.tasks.values()][0]!
      assert.throws(() => task.program.run(task, input, Number.POSITIVE_INFINITY), /broken/)
      assert.equal(input.position, before + processed)
    })
})
