import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { start } from 'millrace'
import { analyseLive, analyseOnce } from './analyse.ts'
import { type LogFile, openLogFile } from './log-file.ts'
import type { Report } from './report.ts'
import { openKafkaRun, withKafkaTopics } from './run-kafka.ts'
import { inDirectory, onKafka } from './where.ts'

const brokers = process.env.MILLRACE_BROKERS!

describe('on Apache Kafka', { timeout: 180_000 }, () => {
  let directory: string
  let log: LogFile
  let expected: Report
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'analyse-kafka-'))
    const lines = (await readFile(join(import.meta.dirname, 'data', 'apache_access.log'), 'utf8')).split('\n')
    const path = join(directory, 'log')
    // Two midnights, and the broken line.
    await writeFile(path, [...lines.slice(900, 2400), ...lines.slice(8850, 8950)].join('\n'))
    log = await openLogFile(path)
    expected = await analyseOnce(log, inDirectory(await mkdtemp(join(directory, 'embedded-'))))
    assert.deepEqual([expected.days.length, expected.brokenLines.length], [3, 1])
  })
  after(() => rm(directory, { recursive: true }))

  /** Topics and groups there that are this program's. */
  const left = async () => {
    await using app = await start([], { app: 'look', brokers })
    const topics = (await app.log.describeTopics()).map(({ name }) => name)
    const isOurs = (name: string) => /^(web-analytics|access-log|traffic-hourly)/.test(name)
    return [...topics, ...(await app.log.listGroups())].filter(isOurs)
  }

  it('a batch gives the report of the embedded log, and leaves nothing', async () => {
    assert.deepEqual(await withKafkaTopics(brokers, where => analyseOnce(log, where)), expected)
    assert.deepEqual(await left(), [])
  })

  it('a replay that is interrupted and gone on with gives it too; the next run replaces it', async () => {
    const open = (fresh = false) => openKafkaRun(directory, brokers, log.survey.fingerprint, fresh)
    const stop = new AbortController()
    {
      using run = await open()
      assert.equal(run.isResumed, false)
      const stopping: LogFile = {
        survey: log.survey,
        async *lines() {
          let position = 0
          for await (const line of log.lines()) {
            if (++position === 800) stop.abort(new Error('stopped'))
            yield line
          }
        },
      }
      const interrupted = analyseLive(stopping, { where: run.where, speed: 1000, signal: stop.signal })
      await assert.rejects(interrupted, (error: Error) => (error.cause ?? error) === stop.signal.reason)
    }
    {
      using run = await open()
      assert.equal(run.isResumed, true)
      assert.deepEqual(await analyseLive(log, { where: run.where, speed: 1000 }), expected)
      await run.finish()
    }
    {
      using run = await open()
      assert.equal(run.isResumed, false)
      assert.deepEqual(
        (await left()).filter(name => !['access-log', 'traffic-hourly'].includes(name)),
        [],
      )
      await assert.rejects(
        withKafkaTopics(brokers, () => assert.fail('ran')),
        { name: 'UsageError', message: /has the topics .*access-log.*did not create/ },
      )
      await using app = await start([], onKafka(brokers, 'clean-up'))
      await app.log.deleteTopics((await app.log.describeTopics()).map(({ name }) => name).filter(isDeclared))
    }
    assert.deepEqual(await left(), [])
  })
})

const declared = new Set(Object.values(await import('./topics.ts')).map(({ name }) => name))
const isDeclared = (name: string) => declared.has(name)
