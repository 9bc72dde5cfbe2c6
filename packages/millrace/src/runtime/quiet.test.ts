import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const program = fileURLToPath(new URL('./testkit/quiet-app.ts', import.meta.url))

describe('an app inside a program', () => {
  it('uses under 2 % of a core while idle, writes nothing to standard output, minds no signals and ends no process', {
    timeout: 60_000,
  }, async () => {
    const data = await mkdtemp(join(tmpdir(), 'millrace-quiet-'))
    try {
      // Rejects unless the program ends by itself with exit code 0.
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, data, '3000'], {
        timeout: 40_000,
      })
      assert.equal(stdout, '')
      const said = JSON.parse(stderr.trim().split('\n').at(-1)!)
      assert.deepEqual([said.status, said.signals], ['failed', []])
      assert.ok(said.busy < 0.02, `an idle app uses ${(said.busy * 100).toFixed(1)} % of a core`)
    } finally {
      await rm(data, { recursive: true, force: true })
    }
  })
})
