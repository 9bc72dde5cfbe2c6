import assert from 'node:assert/strict'
import { it } from 'node:test'
import { count, every, json, type KeyedStream, pipeline, sum, topic, tumbling } from '../index.ts'
import { testDriver } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'

interface Reading {
  readonly key: string
  readonly at: number
}
const t0 = Date.UTC(2026, 0, 1)
const readings = topic('readings', { value: json<Reading>(), key: 'key', timestamp: 'at' })
const rows = topic('rows', { value: json<{ windows: number; start: number }>() })

/** Windows behind windows behind an emission by the wall clock. */
const stacked = (between: (rows: KeyedStream<any, string>) => KeyedStream<any, any>) =>
  pipeline('stacked', p => {
    const first = p
      .from(readings, { idle: 'never' })
      .byKey()
      .aggregate('counts', { n: count() })
      .emit(every('1s'))
      .byKey()
      .window(tumbling('10s', { grace: '20s' }))
      .aggregate('first', { n: count() })
      .emit('final')
    between(first as never)
      .window(tumbling('30s'))
      .aggregate('second', { windows: count(), n: sum('n') })
      .emit('final')
      .to(rows as never)
  })

describeModes('behind an emission by the wall clock', mode => {
  for (const [how, between] of [
    ['in one task', (stream: KeyedStream<any, string>) => (stream as any).byKey()],
    [
      'behind a keyBy',
      (stream: KeyedStream<any, string>) => stream.keyBy('again', 'key', { partitions: 1, watermark: 1 }),
    ],
  ] as const)
    it(`[3.2] [3.3] what its windows hold back is waited for by those that follow, ${how}`, async () => {
      await using driver = await testDriver([stacked(between)], { mode })
      const send = async (second: number) => {
        await driver.input(readings).send({ key: 'a', at: t0 + second * 1_000 })
        await driver.advance(1_000)
      }
      // Each tick tells of one row; the one at 35 s closes the first window alone, and the two of 45 s and 55 s the others.
      for (const second of [1, 11, 21, 35, 45, 55, 65, 90, 120]) await send(second)
      const [found] = await driver.output(rows).values()
      assert.deepEqual([found!.windows, found!.start - t0], [3, 0])
      assert.deepEqual(await driver.sideStream('late').read(), [])
    })
})
