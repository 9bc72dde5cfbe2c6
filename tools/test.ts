/**
 * `npm test [-- part-of-a-file-name …]`: every unit test, in two processes at a time; the last line is `N passed, N failed`.
 * With `--twice`, for `.ci/run`, files with failures are run once more by themselves.
 */
import { parseArgs } from 'node:util'
import { runTestsTwice, testFiles } from './run-tests.ts'
import { runTestsInParts } from './test-parts.ts'

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { twice: { type: 'boolean', default: false } },
})
const files = testFiles().filter(file => wanted.length === 0 || wanted.some(part => file.includes(part)))
if (files.length === 0) {
  console.log(wanted.length === 0 ? 'No test files.' : `No test file has ${wanted.join(' or ')} in its name.`)
  console.log('0 passed, 1 failed')
  process.exit(1)
}
const began = performance.now()
const options = { files, print: true, timeoutMs: 20 * 60_000 }
const run = await (values.twice ? runTestsTwice(options, runTestsInParts) : runTestsInParts(options))
const seconds = ((performance.now() - began) / 1000).toFixed(1)
const empty = run.passed + run.failed + run.skipped === 0
if (run.failures.length > 1) {
  console.log('\nFailed:')
  for (const failure of run.failures) console.log(`  ${failure.place}  ${failure.title}`)
}
for (const test of run.mended ?? []) console.log(`↻ passed the second time: ${test.place}  ${test.title}`)
if (run.ended) console.log(`\n✖ The test process ${run.ended}.`)
if (empty) console.log('\n✖ The files hold no test.')
console.log(`\n${files.length} files in ${seconds} s`)
const failed = run.failed + (empty ? 1 : 0)
console.log(`${run.passed} passed, ${failed} failed${run.skipped > 0 ? `, ${run.skipped} skipped` : ''}`)
process.exitCode = failed === 0 ? 0 : 1
