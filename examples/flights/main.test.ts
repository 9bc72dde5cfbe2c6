import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'

const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args])

describe('the command line of the flights', { concurrency: 2 }, () => {
  it('prints the report', async () => {
    const { stdout } = await run('--once')
    assert.match(stdout, /JFK {2}Fri 08 Feb 06:00 to Sat 09 Feb 05:00 {2}10 hours of snow/)
    assert.match(stdout, /LGA {2}to Fri 08 Feb 20:00 {2}0 departed, 56 cancelled/)
    assert.match(stdout, /US2167 to Washington National, US Airways Inc\./)
  })

  it('refuses a speed that is none', async () => {
    await assert.rejects(run('--hours', '0'), { code: 1, stderr: /--hours 0: give a number above 0/ })
  })
})
