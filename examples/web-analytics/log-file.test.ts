import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { timeOf } from './access-log.ts'
import { type LogFileOptions, openLogFile } from './log-file.ts'

const sample = join(import.meta.dirname, 'data', 'apache_access.log')

const linesOf = async (path: string, options?: LogFileOptions) =>
  Array.fromAsync((await openLogFile(path, options)).lines())

describe('a log file', () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'log-file-'))
  })
  after(() => rm(directory, { recursive: true }))

  const written = async (text: string) => {
    const path = join(directory, 'log')
    await writeFile(path, text)
    return path
  }

  it('ends a line at a line feed and nowhere else', async () => {
    assert.deepEqual(await linesOf(await written('a\u2028b\n\nc\r\nd')), ['a\u2028b', '', 'c\r', 'd'])
    assert.deepEqual(await linesOf(await written('a\n')), ['a'])
    assert.deepEqual(await linesOf(await written('')), [])
  })

  it('is surveyed when it is opened', async () => {
    const { survey } = await openLogFile(sample)
    assert.equal(survey.lines, 10_000)
    assert.equal(survey.disorderMs, 59_000)
    assert.equal((await openLogFile(sample)).survey.fingerprint, survey.fingerprint)
  })

  it('has another fingerprint in another order', async () => {
    const ab = await openLogFile(await written('a\nb\n'))
    const ba = await openLogFile(await written('b\na\n'))
    assert.notEqual(ab.survey.fingerprint, ba.survey.fingerprint)
  })

  it('is shuffled within a bound of event time, the same way each time', async () => {
    const boundMs = 30_000
    const [plain, mixed, again] = await Promise.all([
      linesOf(sample),
      linesOf(sample, { shuffleMs: boundMs }),
      linesOf(sample, { shuffleMs: boundMs }),
    ])
    assert.deepEqual(mixed, again)
    assert.notDeepEqual(mixed, plain)
    assert.deepEqual(mixed.toSorted(), plain.toSorted())
    const { survey } = await openLogFile(sample, { shuffleMs: boundMs })
    assert.ok(survey.disorderMs >= 59_000 && survey.disorderMs < 59_000 + boundMs, String(survey.disorderMs))
  })

  it('is shuffled with lines that have no time', async () => {
    const path = await written('broken\n\nbroken too')
    assert.deepEqual((await linesOf(path, { shuffleMs: 1000 })).toSorted(), ['', 'broken', 'broken too'])
    assert.equal(timeOf('broken'), undefined)
  })

  it('must be there', async () => {
    await assert.rejects(openLogFile(join(directory, 'none')), /ENOENT/)
  })
})
