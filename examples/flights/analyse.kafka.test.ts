import assert from 'node:assert/strict'
import { it } from 'node:test'
import { start } from 'millrace'
import { analyseOnce } from './analyse.ts'
import { readFeed } from './feed.ts'
import type { Results } from './results.ts'
import { onEmbedded, onKafka } from './where.ts'

const brokers = process.env.MILLRACE_BROKERS!

const sorted = (results: Results) =>
  Object.fromEntries(
    Object.entries(results).map(([name, rows]) => [name, rows.map(row => JSON.stringify(row)).sort()]),
  )

it('on Apache Kafka flights give the results of the embedded log, and leave nothing', {
  timeout: 600_000,
}, async () => {
  const feed = await readFeed()
  const expected = await onEmbedded(where => analyseOnce(feed, where))
  assert.deepEqual(sorted(await onKafka(brokers, where => analyseOnce(feed, where))), sorted(expected))
  await using app = await start([], { app: 'look', brokers })
  const left = [...(await app.log.describeTopics()).map(({ name }) => name), ...(await app.log.listGroups())]
  assert.deepEqual(
    left.filter(name => /^(flights|departures|boards)/.test(name)),
    [],
  )
})
