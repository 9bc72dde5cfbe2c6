import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { analyseLive, analyseOnce } from './analyse.ts'
import { type LogFile, openLogFile } from './log-file.ts'
import type { Report } from './report.ts'
import { fastClock } from './testkit/fast-clock.ts'
import { inDirectory } from './where.ts'

/** How much faster than on the wall time passes here, for the replay as for the pipelines. */
const FACTOR = 50

describe('the same log gives the same report', { concurrency: 2 }, () => {
  let directory: string
  let path: string
  let log: LogFile
  let expected: Report
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'analyse-'))
    const lines = (await readFile(join(import.meta.dirname, 'data', 'apache_access.log'), 'utf8')).split('\n')
    path = join(directory, 'log')
    // The hours around midnight, and the broken line.
    await writeFile(path, [...lines.slice(900, 2400), ...lines.slice(8850, 8950)].join('\n'))
    log = await openLogFile(path)
    expected = await analyseOnce(log, await nowhere())
    assert.deepEqual([expected.days.length, expected.brokenLines.length], [3, 1])
  })
  after(() => rm(directory, { recursive: true }))

  const nowhere = async () => inDirectory(await mkdtemp(join(directory, 'data-')))
  const clock = fastClock(FACTOR)

  for (const speed of [2, 1000])
    it(`at ${speed} times the usual speed`, async () => {
      const where = await nowhere()
      assert.deepEqual(await analyseLive(log, { where, clock, speed: speed * FACTOR }), expected)
    })

  it('with a stop of ten seconds in the middle', async () => {
    let stops = 0
    const stopping: LogFile = {
      survey: log.survey,
      async *lines() {
        let position = 0
        for await (const line of log.lines()) {
          if (++position === 800) {
            stops++
            await sleep(10_000 / FACTOR)
          }
          yield line
        }
      },
    }
    const where = await nowhere()
    assert.deepEqual(await analyseLive(stopping, { where, clock, speed: 10 * FACTOR }), expected)
    assert.equal(stops, 1)
  })

  it('with lines up to 30 s late, as a batch and live', async () => {
    const shuffled = await openLogFile(path, { shuffleMs: 30_000 })
    assert.notEqual(shuffled.survey.fingerprint, log.survey.fingerprint)
    assert.deepEqual(await analyseOnce(shuffled, await nowhere()), expected)
    const where = await nowhere()
    assert.deepEqual(await analyseLive(shuffled, { where, clock, speed: 100 * FACTOR }), expected)
  })

  it('with interruptions in between, and once more when it is asked for again', async () => {
    const where = await nowhere()
    const speed = 10 * FACTOR
    for (const linesSeen of [300, 900]) {
      const stop = new AbortController()
      const interrupted = analyseLive(
        { survey: log.survey, lines: () => stopAt(linesSeen, stop, log) },
        { where, clock, speed, signal: stop.signal },
      )
      await assert.rejects(interrupted, (error: Error) => (error.cause ?? error) === stop.signal.reason)
    }
    assert.deepEqual(await analyseLive(log, { where, clock, speed }), expected)
    assert.deepEqual(await analyseLive(log, { where, clock, speed }), expected)
  })
})

async function* stopAt(position: number, stop: AbortController, log: LogFile): AsyncGenerator<string> {
  let lines = 0
  for await (const line of log.lines()) {
    if (++lines === position) stop.abort(new Error(`stopped at line ${position}`))
    yield line
  }
}
