import assert from 'node:assert/strict'
import { it } from 'node:test'
import { count, json, pipeline, topic } from '../index.ts'
import { testDriver } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'

interface Job {
  readonly name: string
  readonly fails: number
}
const jobs = topic('jobs', { value: json<Job>(), partitions: 2 })
const done = topic('done', { value: json<string>() })

/** Each job throws as often as it says, once per attempt. */
function working(retries: number) {
  const attempts = new Map<string, number>()
  return pipeline('working', p => {
    p.from(jobs)
      .map(
        ({ name, fails }) => {
          const attempt = (attempts.get(name) ?? 0) + 1
          attempts.set(name, attempt)
          if (attempt <= fails) throw new Error(`${name} failed ${attempt}`)
          return `${name} after ${attempt}`
        },
        { name: 'work', retry: { retries, backoff: '10s' } },
      )
      .to(done)
  })
}

describeModes('failures', mode => {
  it('[7.1] what is not wired goes to durable topics, with bytes, headers and source, once', async () => {
    await using driver = await testDriver([working(0)], { mode, commits: 'manual' })
    const topics = async () => (await driver.snapshot()).log.topics.map(({ info }) => info)
    const bytes = '{ "name": "a",  "fails": 1, "more": [1] }'
    await driver.input(jobs).sendBytes(bytes, { partition: 1, key: 'k', headers: { own: 'x' } })
    await driver.crash()
    await driver.input(jobs).sendBytes('{"name":', { partition: 1 })
    assert.ok(
      !(await topics()).some(({ name }) => name === 'test.working.rejected'),
      'made when it is needed',
    )
    await driver.commit()
    await driver.crash()
    const [rejected, ...others] = await driver.sideStream('rejected').readAll()
    assert.deepEqual(others, [])
    assert.deepEqual([rejected!.value, rejected!.offset, rejected!.partition], ['{"name":', 1, 1])
    assert.equal(
      (await topics()).find(({ name }) => name === 'test.working.rejected')!.retentionMs,
      7 * 86_400_000,
    )
    assert.deepEqual(await driver.output(done).values(), ['a after 2'], 'the call before the crash counts')
  })

  it('[7.1] a failed record keeps its bytes and says where it comes from and why', async () => {
    await using driver = await testDriver([working(0)], { mode })
    const bytes = '{ "name": "a",  "fails": 1, "more": [1] }'
    await driver.input(jobs).sendBytes(bytes, { partition: 1, key: 'k', headers: { own: 'x' } })
    const [failed] = await driver.sideStream('failed').read()
    const { value, key, headers, step, reason, error, topic: from, partition, offset } = failed!
    assert.deepEqual(
      { value, key, headers, step, reason, error, from, partition, offset },
      {
        value: bytes,
        key: 'k',
        headers: { own: 'x' },
        step: 'work',
        reason: 'callback',
        error: 'Error: a failed 1',
        from: 'jobs',
        partition: 1,
        offset: 0,
      },
    )
    assert.equal(driver.health()[0]!.tasks[1]!.failed, 1)
  })

  it('[7.2] a retry holds back its own task alone, and its commits', async () => {
    await using driver = await testDriver([working(2)], { mode })
    const { send } = driver.input(jobs)
    await send({ name: 'before', fails: 0 }, { partition: 0 })
    await send({ name: 'hard', fails: 2 }, { partition: 0 })
    await send({ name: 'behind', fails: 0 }, { partition: 0 })
    await send({ name: 'other', fails: 0 }, { partition: 1 })
    assert.deepEqual(await driver.output(done).values(), ['before after 1', 'other after 1'])
    assert.deepEqual(
      driver.health()[0]!.tasks.map(({ parked }) => parked),
      [true, false],
    )
    await driver.advance(19_999)
    assert.deepEqual(await driver.output(done).values(), [])
    await driver.advance(1)
    assert.deepEqual(await driver.output(done).values(), ['hard after 3', 'behind after 1'])
    assert.deepEqual(await driver.sideStream('failed').read(), [])
  })

  it('[7.2] after the last attempt the record goes to `.failed` and the task goes on', async () => {
    await using driver = await testDriver([working(1)], { mode })
    await driver.input(jobs).sendAll(
      [
        { name: 'hopeless', fails: 9 },
        { name: 'behind', fails: 0 },
      ],
      { partition: 0 },
    )
    await driver.advance('10s')
    assert.deepEqual(await driver.output(done).values(), ['behind after 1'])
    const [failed] = await driver.sideStream('failed').read()
    assert.deepEqual([failed!.error, failed!.attempt], ['Error: hopeless failed 2', 1])
  })

  it('[2.7] [7.2] a committed read waits for a retry with the task that waits for it', async () => {
    const counted = pipeline('counted', p => {
      let calls = 0
      const counts = p.from(jobs).byKey().aggregate('count', { n: count() }).emit('updates')
      counts
        .map(
          v => {
            if (++calls === 2) throw new Error('once')
            return String(v?.n)
          },
          { retry: { retries: 1, backoff: '10s' } },
        )
        .to(done)
    })
    await using driver = await testDriver([counted], { mode })
    for (const name of ['a', 'b']) await driver.input(jobs).send({ name, fails: 0 }, { key: 'k' })
    let answer: unknown
    const asked = driver
      .table('count')
      .get('k', { consistency: 'committed' })
      .then(value => {
        answer = value
      })
    assert.deepEqual(await driver.table('count').get('k'), { n: 2 })
    await driver.advance('9s')
    assert.equal(answer, undefined)
    await driver.advance('1s')
    await asked
    assert.deepEqual(answer, { n: 2 })
    assert.deepEqual(await driver.output(done).values(), ['1', '2'])
  })

  it('[7.2] a task that is lost while it waits tries again from its record', async () => {
    await using driver = await testDriver([working(1)], { mode })
    await driver.input(jobs).send({ name: 'hard', fails: 2 }, { partition: 0 })
    await driver.crash()
    assert.deepEqual(await driver.output(done).values(), [])
    await driver.advance('10s')
    assert.deepEqual(await driver.output(done).values(), ['hard after 3'])
  })
})
