import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { it } from 'node:test'
import { json, type PipelineBuilder, pipeline, topic } from '../../index.ts'
import { testDriver } from '../../testing.ts'
import { describeModes } from '../testkit/modes.ts'

// The cases of the join tables that Kafka Streams documents: what comes second by second, `----`, and what goes out when.

const left = topic<string>('left', { value: json<string>() })
const right = topic<string>('right', { value: json<string>() })
const results = topic<any, any, any>('results', { value: json<any>() })
const t0 = 1_700_000_000_000
const folder = new URL('cases/', import.meta.url)

const pair = (l: string | undefined, r: string | undefined) => `${l ?? '-'} ${r ?? '-'}`

/** The join that a file is named after, for example `table-table-leftJoin`. */
function joined(p: PipelineBuilder, name: string) {
  const [first, second, how] = name.split('-') as [string, string, 'outerJoin']
  if (first === 'table') return p.table(left)[how]('joined', p.table(right), pair).emit('updates')
  const stream = p.from(left).byKey()
  if (second === 'stream')
    return stream[how]('joined', p.from(right).byKey(), { before: '15s', after: '15s' }, pair)
  if (second === 'global')
    return stream[`${how as 'leftJoin'}Global`](p.globalTable(right), { key: (_, { key }) => key! }, pair)
  return stream[how as 'leftJoin'](p.table(right), pair)
}

describeModes('a join gives what Kafka Streams documents', mode => {
  for (const file of readdirSync(folder)) {
    it(file, async () => {
      const lines = readFileSync(new URL(file, folder), 'utf8').trim().split('\n')
      const written = lines.filter(line => !line.startsWith('#'))
      const middle = written.indexOf('----')
      const tested = pipeline('cases', p => {
        joined(p, file.replace('.txt', '')).to(results)
      })
      await using driver = await testDriver([tested], { mode })
      const seen: string[] = []
      for (const line of written.slice(0, middle)) {
        const [second, side, value] = line.split(' ') as [string, 'left' | 'right', string]
        const sent = value === 'null' ? null : value
        const into = driver.input(side === 'left' ? left : right)
        await into.send(sent as string, { key: 'k', timestamp: t0 + Number(second) * 1_000 })
        const came = await driver.output(results).read()
        seen.push(...came.map(each => `${second} ${each.value}`).sort())
      }
      await driver.finish()
      const last = await driver.output(results).read()
      seen.push(...last.map(each => `end ${each.value}`).sort())
      assert.deepEqual(seen, written.slice(middle + 1))
    })
  }
})
