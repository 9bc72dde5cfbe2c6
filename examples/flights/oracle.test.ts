import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { analyseLive, analyseOnce } from './analyse.ts'
import { readFeed } from './feed.ts'
import { cancelledInAnHour, openOracle, queries } from './oracle.ts'
import { gathered, type ResultName, type Results } from './results.ts'
import { onEmbedded } from './where.ts'

/** As they compare: in one order of rows and members, undistinguished by the last bits of a mean. */
function canonical(rows: readonly object[]): string[] {
  const rounded = (value: unknown) => (typeof value === 'number' ? Number(value.toFixed(6)) : value)
  return rows
    .map(row =>
      JSON.stringify(
        Object.entries(row)
          .map(([name, value]) => [name, rounded(value)])
          .sort(([a], [b]) => (a! < b! ? -1 : 1)),
      ),
    )
    .sort()
}

const canonicalAll = (results: Results) =>
  Object.fromEntries(Object.entries(results).map(([name, rows]) => [name, canonical(rows)]))

describe('flights out of New York', () => {
  let results: Results
  before(async () => {
    results = await onEmbedded(async where => analyseOnce(await readFeed(), where))
  })

  for (const [name, query] of Object.entries(queries))
    it(`gives the ${name} that SQL gives over the tables`, () => {
      using db = openOracle()
      const expected = db.prepare(query).all()
      assert.ok(expected.length > 0)
      assert.deepEqual(canonical(results[name as ResultName]), canonical(expected))
    })

  it('gives a word for many cancellations once in six hours', () => {
    using db = openOracle()
    const last = new Map<string, number>()
    const expected = db
      .prepare(cancelledInAnHour)
      .all()
      .filter(({ key, end }) => {
        const isDue = Number(end) - (last.get(String(key)) ?? 0) >= 6 * 3_600_000
        if (isDue) last.set(String(key), Number(end))
        return isDue
      })
    assert.ok(expected.length > 0)
    assert.deepEqual(canonical(results.waves), canonical(expected))
  })

  it('gives them whatever the order of the messages, and while they come in', async () => {
    const [feed, other] = await Promise.all([readFeed(1), readFeed(2)])
    const ids = (each: typeof feed) => each.messages.map(({ value }) => JSON.stringify(value))
    assert.notDeepEqual(ids(other), ids(feed))
    const seen = gathered()
    const live = await onEmbedded(where =>
      analyseLive(other, where, { hoursPerSecond: 1000, watch: seen.watch }),
    )
    assert.deepEqual(canonicalAll(live), canonicalAll(results))
    assert.ok(seen.results.flights.length > 0)
  })
})
