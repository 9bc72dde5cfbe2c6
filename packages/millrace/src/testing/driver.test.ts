import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { testDriver } from '../testing.ts'
import { minutes, t0, totals, view, views, viewsPipeline } from './testkit/views.ts'

describe('the test driver', () => {
  it('gives what came out after each call, and keeps what was read apart from the rest', async () => {
    await using driver = await testDriver([viewsPipeline])
    const output = driver.output(totals)
    assert.deepEqual(await driver.input(views).send(view('/', 0)), { partition: 0, offset: 0 })
    const [first, ...more] = await output.read()
    assert.deepEqual(more, [])
    assert.deepEqual(first, {
      key: '/',
      value: { views: 1 },
      timestamp: t0,
      headers: {},
      partition: first!.partition,
      offset: 0,
    })
    assert.deepEqual(await output.read(), [])
    await driver.input(views).sendAll([view('/', 1), view('/', 2)])
    assert.deepEqual(await output.values(), [{ views: 2 }, { views: 3 }])
    assert.equal((await output.readAll()).length, 3)
  })

  it('moves time by advance alone: a minute comes out when its time is over', async () => {
    await using driver = await testDriver([viewsPipeline], { startTime: t0 })
    await driver.input(views).sendAll([view('/a', 10, 5), view('/a', 20, 6)])
    assert.equal(driver.now, t0)
    assert.deepEqual(await driver.output(minutes).values(), [])
    await driver.advance('70s')
    assert.equal(driver.now, t0 + 70_000)
    assert.deepEqual(await driver.output(minutes).values(), [
      { views: 2, ms: 11, key: '/a', start: t0, end: t0 + 60_000 },
    ])
  })

  it('shows the state of a step, with and without windows', async () => {
    await using driver = await testDriver([viewsPipeline])
    await driver.input(views).sendAll([view('/a', 0), view('/a', 61_000)])
    assert.deepEqual(await driver.table('total').get('/a'), { views: 2 })
    assert.equal(await driver.table('total').get('/b'), undefined)
    assert.deepEqual(await driver.table('per-minute').windows('/a'), [
      { start: t0, end: t0 + 60_000, value: { views: 1, ms: 1 } },
      { start: t0 + 60_000, end: t0 + 120_000, value: { views: 1, ms: 1 } },
    ])
    await assert.rejects(() => driver.table('none').get('/a'), /No pipeline has a step "none"/)
  })
})
