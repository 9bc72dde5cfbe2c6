import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { it } from 'node:test'
import { custom, hopping, json, pipeline, session, sliding, topic, tumbling } from '../../index.ts'
import { testDriver } from '../../testing.ts'
import { describeModes } from '../testkit/modes.ts'

// The windows that Kafka Streams documents, as cases: the second and name of each record, `----`, start, end and records of each window.

interface Item {
  readonly name: string
  readonly at: number
}

const items = topic('items', { value: json<Item>(), timestamp: 'at' })
const rows = topic('rows', { value: json<{ start: number; end: number; names: string }>() })
const lateOnes = topic('late-ones', { value: json<Item>() })
const t0 = 1_700_000_040_000
const folder = new URL('cases/', import.meta.url)

const windows = {
  tumbling: tumbling('5s'),
  hopping: hopping('5s', { advance: '3s', offset: t0 % 3_000 }),
  grace: tumbling('5s', { grace: '2s' }),
  session: session('5s', { grace: '5s' }),
  'session-gap': session('5s'),
  'session-late': session('5s'),
  sliding: sliding('5s'),
  'sliding-late': sliding('5s', { grace: '2s' }),
}

/** The records of a window in the order of their times. */
const names = custom<Item, Item[], string>({
  init: () => [],
  add: (all, item) => [...all, item],
  merge: (a, b) => [...a, ...b],
  result: all =>
    all
      .toSorted((a, b) => a.at - b.at)
      .map(({ name }) => name)
      .join(' '),
  version: 1,
})

describeModes('a window gives what Kafka Streams documents', mode => {
  for (const file of readdirSync(folder)) {
    it(file, async () => {
      const lines = readFileSync(new URL(file, folder), 'utf8').trim().split('\n')
      const written = lines.filter(line => !line.startsWith('#'))
      const middle = written.indexOf('----')
      const tested = pipeline('cases', p => {
        const window = windows[file.replace('.txt', '') as 'tumbling']
        const table = p
          .from(items)
          .keyBy('all', () => 'all')
          .window(window)
          .aggregate('windows', { names })
        table.emit('final').to(rows)
        table.late.to(lateOnes)
      })
      await using driver = await testDriver([tested], { mode })
      for (const line of written.slice(0, middle)) {
        const [second, name] = line.split(' ') as [string, string]
        await driver.input(items).send({ name, at: t0 + Number(second) * 1_000 }, { key: 'k' })
      }
      await driver.finish()
      const seconds = (at: number) => (at - t0) / 1_000
      const closed = (await driver.output(rows).values()).map(
        ({ start, end, names }) => `${seconds(start)} ${seconds(end)} ${names}`,
      )
      const late = (await driver.output(lateOnes).values()).map(({ name }) => `late ${name}`)
      assert.deepEqual([...closed, ...late], written.slice(middle + 1))
    })
  }
})
