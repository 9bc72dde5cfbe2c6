import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { MemoryLog } from '../../packages/millrace/src/log/memory/memory-log.ts'
import { checkGenerator, dense, sparse } from './generator.ts'
import { fill } from './input.ts'
import { Oracle } from './oracle.ts'
import { queries } from './queries.ts'
import { differences } from './rows.ts'
import { runQuery } from './run-query.ts'

const count = 3_000
const group = 50

describe("Nexmark's generator", () => {
  it('makes the events that all its implementations make', () => {
    for (const preset of [sparse, dense]) checkGenerator(preset)
  })
})

describe('a query of Nexmark', () => {
  const oracle = new Oracle(sparse, count)
  after(() => oracle.close())
  for (const query of queries) {
    it(`${query.name} gives what SQL gives: ${query.title}`, async () => {
      const log = new MemoryLog()
      await fill(log, sparse, count, group)
      const { fields, rows } = oracle.answer(query)
      assert.ok(rows.size > 0)
      const found = await runQuery(log, query, { preset: sparse, count, group }, fields)
      assert.deepEqual(differences(found.rows, rows), [])
      await log.close()
    })
  }
})

describe('two answers', () => {
  it('differ where a row is missing, too many or there more often', () => {
    const wanted = new Map([
      ['a', 1],
      ['b', 2],
    ])
    assert.deepEqual(differences(new Map(wanted), wanted), [])
    const found = new Map([
      ['b', 1],
      ['c', 1],
    ])
    assert.deepEqual(differences(found, wanted), [
      'a is there 0 times, not 1',
      'b is there 1 times, not 2',
      'c is there 1 times, not 0',
    ])
  })
})
