import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { directoryFor } from '../../packages/millrace/src/log/embedded/testkit/directory.ts'
import { DiskFaults } from './disk-faults.ts'

/** The places of two processes, with a copy of state each. */
async function disk(t: TestContext) {
  const directory = await directoryFor(t)
  const copies = [1, 2].map(pid => {
    const slot = join(directory, 'kafka', 'cluster', 'group', `slot-${pid}`)
    mkdirSync(slot, { recursive: true })
    writeFileSync(join(slot, 'pid'), `${pid}\n`)
    return join(slot, 'users-0.snapshot')
  })
  return { faults: new DiskFaults(directory), copies }
}

const whole = 'x'.repeat(1_000)
const always = () => 0.5

describe('what happens to copies of state between a death and the next start', () => {
  it('deletes and truncates, by turns, those of the dead and nobody else’s', async t => {
    const { faults, copies } = await disk(t)
    const [own, other] = copies as [string, string]
    for (const copy of copies) writeFileSync(copy, whole)
    assert.equal(faults.strike(1, always), '1 copies of state deleted')
    assert.equal(existsSync(own), false)
    writeFileSync(own, whole)
    assert.equal(faults.strike(1, always), '1 copies of state truncated')
    assert.equal(readFileSync(own, 'utf8').length, 500)
    assert.equal(readFileSync(other, 'utf8'), whole)
    assert.deepEqual([...faults.struck.values()], [1, 1])
    assert.ok(existsSync(join(dirname(own), 'pid')))
  })

  it('counts a message about damage only where it did some', async t => {
    const { faults, copies } = await disk(t)
    const message = 'users-0: it ends too early; the changelog is read instead'
    assert.equal(faults.isAbout(message), false)
    for (let turn = 0; turn < 2; turn++) {
      writeFileSync(copies[0]!, whole)
      faults.strike(1, always)
    }
    assert.equal(faults.isAbout(message), true)
    assert.equal(faults.isAbout('something else'), false)
    assert.equal(faults.noticed, 1)
  })
})
