import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { openRun } from './run-directory.ts'

describe('the directory of a run', () => {
  let directory: string
  beforeEach(async () => {
    directory = join(await mkdtemp(join(tmpdir(), 'run-')), 'new')
  })
  afterEach(() => rm(join(directory, '..'), { recursive: true }))

  /** A run that has written something. */
  const begin = async (fingerprint: string, isFinished = false) => {
    using run = await openRun(directory, fingerprint, false)
    await mkdir(run.place, { recursive: true })
    await writeFile(join(run.place, 'state'), '')
    if (isFinished) await run.finish()
    return run
  }
  const reopen = async (fingerprint: string, fresh = false) => {
    using run = await openRun(directory, fingerprint, fresh)
    return { isResumed: run.isResumed, files: await readdir(run.place).catch(() => []) }
  }

  it('is gone on with after an interruption', async () => {
    assert.equal((await begin('a')).isResumed, false)
    assert.deepEqual(await reopen('a'), { isResumed: true, files: ['state'] })
  })

  it('is emptied when the run is finished, the log is another one, or on demand', async () => {
    await begin('a', true)
    assert.deepEqual(await reopen('a'), { isResumed: false, files: [] })
    await begin('a')
    assert.deepEqual(await reopen('b'), { isResumed: false, files: [] })
    await begin('b')
    assert.deepEqual(await reopen('b', true), { isResumed: false, files: [] })
  })

  it('belongs to one run at a time, which is named with the way out; even a fresh one waits its turn', async () => {
    {
      using _run = await openRun(directory, 'a', false)
      for (const fresh of [false, true])
        await assert.rejects(openRun(directory, 'a', fresh), {
          name: 'UsageError',
          message: new RegExp(`Process ${process.pid} replays in .*--data`),
        })
    }
    assert.equal((await reopen('a')).isResumed, true)
  })

  it('is not emptied when somebody else made it', async () => {
    await mkdir(join(directory, 'web-analytics'), { recursive: true })
    await assert.rejects(openRun(directory, 'a', true), /is in the way/)
  })
})
