import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { count, json, keys, pipeline, topic, tumbling } from '../index.ts'
import { CommitError, testDriver } from '../testing.ts'
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

  it('sends with key, time, headers and partition of one’s own, and reads them back', async () => {
    const input = topic('input', { value: json<{ n: number }>(), keySerde: keys.number, partitions: 3 })
    const output = topic('output', { value: json<{ n: number }>(), keySerde: keys.number, partitions: 3 })
    const copy = pipeline('copy', p => {
      p.from(input).to(output)
    })
    await using driver = await testDriver([copy])
    const headers = { origin: 'a', trace: new Uint8Array([0x62]) }
    await driver.input(input).send({ n: 1 }, { key: 7, timestamp: new Date(t0 + 5), headers, partition: 2 })
    await driver
      .input(input)
      .sendAll([{ n: 2 }, null], (value, i) => ({ key: value?.n ?? 0, timestamp: t0 + i }))
    const records = await driver.output(output).readAll()
    const first = records.find(({ key }) => key === 7)!
    assert.deepEqual(
      { ...first, partition: 0, offset: 0 },
      {
        key: 7,
        value: { n: 1 },
        timestamp: t0 + 5,
        headers: { origin: 'a', trace: 'b' },
        partition: 0,
        offset: 0,
      },
    )
    assert.deepEqual(
      records.map(({ key, timestamp }) => [key, timestamp]),
      [
        [2, t0],
        [7, t0 + 5],
      ],
    )
    await assert.rejects(() => driver.input(input).send({ n: 1 }, { partition: 3 }), /no partition 3/)
  })

  it('gives the start of a window beside the key of its updates', async () => {
    const output = topic('output', { value: json<{ n: number } | null>() })
    const updates = pipeline('updates', p => {
      const byPage = p.from(views).keyBy('url').window(tumbling('1m'))
      byPage.aggregate('n', { n: count() }).emit('updates').to(output)
    })
    await using driver = await testDriver([updates])
    await driver.input(views).send(view('/a', 61_000))
    const [update] = await driver.output(output).read()
    assert.deepEqual([update!.key, update!.windowStart], ['/a', t0 + 60_000])
  })

  it('shows with their headers the records that went no further', async () => {
    const checked = topic('checked', { value: json(z.object({ n: z.number() })), partitions: 1 })
    const failing = pipeline('failing', p => {
      p.from(checked)
        .map(
          v => {
            if (v.n === 2) throw new Error('not two')
            return v
          },
          { name: 'no-twos' },
        )
        .forEach(() => {})
    })
    await using driver = await testDriver([failing])
    assert.deepEqual(await driver.sideStream('rejected').read(), [])
    await driver.input(checked).sendAll([{ n: 1 }, { n: 2 }, { n: 3 }], { headers: { own: 'x' } })
    await driver.input(checked).sendBytes('{"n":"two"}', { key: 'k' })
    const [failed] = await driver.sideStream('failed').read()
    assert.deepEqual(
      { ...failed, keyBytes: null, valueBytes: null },
      {
        step: 'no-twos',
        reason: 'callback',
        error: 'Error: not two',
        topic: 'checked',
        partition: 0,
        offset: 1,
        attempt: 0,
        key: null,
        value: '{"n":2}',
        keyBytes: null,
        valueBytes: null,
        timestamp: t0,
        headers: { own: 'x' },
      },
    )
    assert.deepEqual(await driver.sideStream('failed').read(), [])
    assert.equal((await driver.sideStream('failed', failing).readAll()).length, 1)
    const [rejected] = await driver.sideStream('rejected', 'failing').read()
    assert.deepEqual([rejected!.value, rejected!.key, rejected!.offset], ['{"n":"two"}', 'k', 3])
  })

  it('ends one input, or all of them, pipelines that read from others last', async () => {
    const busiest = topic('busiest', {
      value: json<{ minutes: number; key: string; start: number; end: number }>(),
    })
    const perHour = pipeline('per-hour', p => {
      const byKey = p.from(minutes).keyBy('key').window(tumbling('1h'))
      byKey.aggregate('minutes', { minutes: count() }).emit('final').to(busiest)
    })
    await using driver = await testDriver([perHour, viewsPipeline])
    await driver.input(views).sendAll([view('/a', 0), view('/a', 61_000)])
    await driver.endInput(views)
    assert.equal((await driver.output(minutes).values()).length, 2)
    assert.deepEqual(await driver.output(busiest).values(), [])
    await using other = await testDriver([perHour, viewsPipeline])
    await other.input(views).sendAll([view('/a', 0), view('/a', 61_000)])
    await other.finish()
    assert.deepEqual(await other.output(busiest).values(), [
      { minutes: 2, key: '/a', start: t0, end: t0 + 3_600_000 },
    ])
  })

  it('goes on from a snapshot, as often as one likes, with state, time and what was read', async () => {
    await using driver = await testDriver([viewsPipeline], { startTime: t0 })
    await driver.input(views).sendAll([view('/a', 0), view('/a', 1)])
    await driver.output(totals).read()
    await driver.advance('2s')
    const snapshot = structuredClone(await driver.snapshot())
    await driver.input(views).send(view('/a', 2))
    for (const mode of ['compiled', 'interpreted'] as const) {
      await using later = await testDriver([viewsPipeline], { from: snapshot, mode })
      assert.equal(later.now, t0 + 2_000)
      assert.deepEqual(await later.table('total').get('/a'), { views: 2 })
      assert.deepEqual(await later.output(totals).read(), [])
      await later.input(views).send(view('/a', 61_001))
      assert.deepEqual(await later.output(totals).values(), [{ views: 3 }])
      await later.finish()
      assert.deepEqual(
        (await later.output(minutes).values()).map(each => each.views),
        [2, 1],
      )
    }
    assert.deepEqual(await driver.table('total').get('/a'), { views: 3 })
  })

  it('loses in a crash what is not committed, and does it again', async () => {
    await using driver = await testDriver([viewsPipeline], { commits: 'manual' })
    await driver.input(views).send(view('/a', 0))
    assert.equal(await driver.table('total').get('/a'), undefined)
    await driver.commit()
    assert.deepEqual(await driver.table('total').get('/a'), { views: 1 })
    assert.deepEqual(await driver.output(totals).read(), [])
    await driver.crash()
    assert.deepEqual(await driver.table('total').get('/a'), { views: 1 })
    await driver.commit()
    await driver.crash()
    assert.deepEqual(await driver.output(totals).values(), [{ views: 1 }])
    assert.deepEqual(await driver.table('total').get('/a'), { views: 1 })
  })

  it('strikes where it is told to, and the results are the same', async () => {
    const struck: string[] = []
    const outcomes = ['aborted', undefined, 'fenced'] as const
    const faults = (point: string) => {
      if (point !== 'commit.before') return undefined
      const outcome = outcomes[struck.length]
      struck.push(point)
      return outcome && new CommitError(outcome, 'struck')
    }
    await using driver = await testDriver([viewsPipeline], { faults })
    await driver.input(views).sendAll([view('/a', 0), view('/a', 1)])
    await driver.advance('100ms')
    assert.ok(struck.length > outcomes.length)
    assert.deepEqual(await driver.output(totals).values(), [{ views: 1 }, { views: 2 }])
  })

  it('rejects with the error that stopped a pipeline, until a crash starts it again', async () => {
    let broken = true
    const input = topic('input', { value: json<{ n: number }>() })
    const failing = pipeline('failing', p => {
      p.from(input)
        .map(v => {
          if (broken) throw new Error('broken')
          return v
        })
        .print(v => `${v.n}`)
    })
    await using driver = await testDriver([failing])
    const values = Array.from({ length: 200 }, (_, n) => ({ n }))
    await assert.rejects(() => driver.input(input).sendAll(values), /Most of the last 100 records/)
    await assert.rejects(() => driver.advance('1s'), /Most of the last 100 records/)
    broken = false
    await driver.crash()
    assert.equal(driver.printed.length, 200)
  })

  it('gives every record of a topic to each pipeline that reads it', async () => {
    const reader = (name: string) => pipeline(name, p => void p.from(views).print(v => `${name} ${v.url}`))
    await using driver = await testDriver([reader('one'), reader('two')])
    await driver.input(views).send(view('/a', 0))
    await driver.input(views).sendAll([view('/b', 0), view('/c', 0)])
    assert.deepEqual([...driver.printed].sort(), ['one /a', 'one /b', 'one /c', 'two /a', 'two /b', 'two /c'])
  })

  it('keeps printed lines and those of files, in memory', async () => {
    const sinks = pipeline('sinks', p => {
      p.from(views).print(v => v.url)
      p.from(views).toFile('/nowhere/views.ndjson')
    })
    await using driver = await testDriver([sinks])
    await driver.input(views).send(view('/a', 0))
    assert.deepEqual(driver.printed, ['/a'])
    assert.deepEqual(
      driver.fileLines('/nowhere/views.ndjson').map(line => JSON.parse(line)),
      [view('/a', 0)],
    )
    assert.deepEqual(driver.fileLines('/nowhere/else'), [])
  })

  it('waits for asynchronous calls that need no timer', async () => {
    const seen: string[] = []
    const calls = pipeline('calls', p => {
      p.from(views).forEach(async v => {
        for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve))
        seen.push(v.url)
      })
    })
    await using driver = await testDriver([calls])
    await driver.input(views).sendAll([view('/a', 0), view('/b', 0)])
    assert.deepEqual(seen, ['/a', '/b'])
    assert.equal(driver.health()[0]!.tasks[0]!.lag, 0)
  })

  it('freezes values unless it is told not to', async () => {
    const change = pipeline('change', p => {
      p.from(views)
        .map(v => Object.assign(v, { ms: 0 }))
        .print(v => v.url)
    })
    await using driver = await testDriver([change])
    await driver.input(views).send(view('/a', 0))
    assert.match((await driver.sideStream('failed').read())[0]!.error, /TypeError/)
    await using other = await testDriver([change], { freeze: false })
    await other.input(views).send(view('/a', 0))
    assert.deepEqual(other.printed, ['/a'])
  })

  it('describes its pipelines, and says what it cannot do', async () => {
    await using driver = await testDriver([viewsPipeline, pipeline('other', p => void p.from(views).print())])
    assert.match(driver.describe(), /pipeline views\n[\s\S]*pipeline other\n/)
    assert.throws(() => driver.sideStream('late'), /Say which of the 2 pipelines/)
    const closed = await testDriver([viewsPipeline])
    await closed[Symbol.asyncDispose]()
    await assert.rejects(() => closed.advance('1s'), /closed/)
  })
})
