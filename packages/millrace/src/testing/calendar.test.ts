import assert from 'node:assert/strict'
import { it } from 'node:test'
import { calendar, count, json, pipeline, topic } from '../index.ts'
import { testDriver } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import type { View } from './testkit/views.ts'

interface Row {
  readonly n: number
  readonly key: string
  readonly start: number
  readonly end: number
}
const views = topic('views-by-url', { value: json<View>(), key: 'url', timestamp: 'at' })
const days = topic('days', { value: json<Row>() })

const at = (text: string): View => ({ url: '/', ms: 1, at: Date.parse(text) })
const brief = ({ start, end, n }: Row) => [new Date(start).toISOString(), (end - start) / 3_600_000, n]

describeModes('calendar windows', mode => {
  it('[3.2] [5.8] close a day when it is over in its time zone, also the one of 23 hours', async () => {
    const perDay = pipeline('per-day', p => {
      const window = calendar('day', { timeZone: 'Europe/Berlin', grace: '1h' })
      p.from(views).byKey().window(window).aggregate('per-day', { n: count() }).emit('final').to(days)
    })
    await using driver = await testDriver([perDay], { mode })
    const { send } = driver.input(views)
    await send(at('2025-03-29T22:59:59.999Z'))
    await send(at('2025-03-29T23:00:00Z'))
    await send(at('2025-03-30T21:59:59.999Z'))
    await send(at('2025-03-30T22:59:59.999Z'))
    const first = ['2025-03-28T23:00:00.000Z', 24, 1]
    assert.deepEqual((await driver.output(days).values()).map(brief), [first])
    await send(at('2025-03-30T12:00:00Z'))
    await send(at('2025-03-30T23:00:00Z'))
    await driver.crash()
    await send(at('2025-03-30T12:00:00Z'))
    await driver.finish()
    assert.deepEqual((await driver.output(days).values()).map(brief), [
      ['2025-03-29T23:00:00.000Z', 23, 3],
      ['2025-03-30T22:00:00.000Z', 24, 2],
    ])
    assert.equal((await driver.sideStream('late').read()).length, 1)
  })
})
