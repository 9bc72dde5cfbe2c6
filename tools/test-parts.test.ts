import assert from 'node:assert/strict'
import { executionAsyncId } from 'node:async_hooks'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import fc from 'fast-check'
import { testFiles } from './run-tests.ts'
import { partsOf, runTestsInParts, slowFiles } from './test-parts.ts'

describe('the parts of a test run', () => {
  it('hold each file once, slow ones first', () => {
    const all = testFiles()
    fc.assert(
      fc.property(fc.subarray(all), fc.integer({ min: 1, max: 4 }), (files, processes) => {
        const parts = partsOf(files, processes)
        assert.deepEqual(parts.flat().toSorted(), files.toSorted())
        assert.ok(parts.every(part => part.length > 0))
        const slow = parts.flat().findLastIndex(file => slowFiles.includes(file)) + 1
        assert.ok(
          parts
            .flat()
            .slice(0, slow)
            .every(file => slowFiles.includes(file)),
        )
      }),
    )
  })

  it('name slow files that exist', () => {
    const all = testFiles()
    assert.deepEqual(
      slowFiles.filter(file => !all.includes(file)),
      [],
    )
  })
})

describe('a test run in parts', () => {
  it('counts what passed, failed and was skipped in all of them', async t => {
    // Twenty files are the smallest part, so these are two.
    const files: string[] = Array.from({ length: 25 }, (_, i) =>
      i === 3 || i === 22
        ? "it('fails', () => { throw new Error('wrong', { cause: new Error('why') }) })"
        : "it('passes', () => {})",
    )
    files[24] = "it('passes', () => {}); it.skip('waits', () => {})"
    const run = await runTestsInParts({ files: written(t, files), print: false, timeoutMs: 60_000 })
    assert.deepEqual([run.passed, run.failed, run.skipped, run.ended], [23, 2, 1, undefined])
    for (const { message } of run.failures)
      assert.match(message, /^Error: wrong\n( {4}at .*\n)+Caused by: Error: why\n/)
    assert.deepEqual(run.failures.map(({ place }) => place.match(/\d+\.test\.ts:\d+$/)?.[0]).sort(), [
      '22.test.ts:2',
      '3.test.ts:2',
    ])
  })

  it('counts a process that dies as a failure, names its files, and goes on with the others', async t => {
    const files = Array.from({ length: 25 }, (_, i) =>
      i === 0 ? "it('dies', () => process.kill(process.pid, 'SIGKILL'))" : "it('passes', () => {})",
    )
    const run = await runTestsInParts({ files: written(t, files), print: false, timeoutMs: 60_000 })
    assert.equal(run.failed, 1)
    assert.ok(run.passed >= 5, `${run.passed} passed`)
    assert.match(run.ended!, /0\.test\.ts to .*9\.test\.ts ended early, with signal SIGKILL$/)
  })

  it('fails by an error that nobody caught, be it in a test or after it', async t => {
    const files = [
      "it('waits', async () => { Promise.reject(new Error('nobody')); await new Promise(setImmediate) })",
      "it('leaves', () => { setTimeout(() => Promise.reject(new Error('late')), 1) })",
    ]
    for (const file of files) {
      const run = await runTestsInParts({ files: written(t, [file]), print: false, timeoutMs: 60_000 })
      assert.deepEqual([run.passed, run.failed], [1, 1])
      assert.match(run.ended!, /ended with exit code 1$/)
    }
  })

  it('follows no promises, which would take up to half of its time', async () => {
    const ids = new Set<number>()
    for (let i = 0; i < 3; i++) {
      await undefined
      ids.add(executionAsyncId())
    }
    assert.equal(ids.size, 1)
  })

  it('ends all that run at the limit, and counts each as a failure', async t => {
    const files = Array.from(
      { length: 40 },
      () => "it('hangs', () => new Promise(() => setInterval(() => {}, 1e6)))",
    )
    const run = await runTestsInParts({
      files: written(t, files),
      print: false,
      timeoutMs: 3_000,
      processes: 2,
    })
    assert.deepEqual([run.passed, run.failed], [0, 2])
    assert.match(run.ended!, /was killed after .* s; the one with .* was killed after/)
  })
})

function written(t: TestContext, bodies: readonly string[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-parts-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return bodies.map((body, i) => {
    const file = join(directory, `${i}.test.ts`)
    writeFileSync(file, `import { it } from 'node:test'\n${body}\n`)
    return file
  })
}
