/**
 * `npm run rules`: every rule of docs/SEMANTICS.md with the tests that carry its number.
 * `npm run rules -- --break [rule …]`: each rule of sections 2, 3 and 9 without its defence; its own tests must then fail.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ruleNumbers, rulesOfLaterIssues, type TitledTest, titledTests } from './rule-tests.ts'
import { repositoryRoot, runTests } from './run-tests.ts'
import { readSourceFiles, type SourceFile } from './source-files.ts'

const breakableSections = /^(2|3|9)\./

const semantics = readFileSync(join(repositoryRoot, 'docs/SEMANTICS.md'), 'utf8')
const rules = ruleNumbers(semantics)
const later = rulesOfLaterIssues(semantics)
const files = readSourceFiles()
const tests = titledTests(files)
const [mode, ...chosen] = process.argv.slice(2)
const failed = mode === '--break' ? await breakRules(chosen) : listRules()
process.exitCode = failed === 0 ? 0 : 1

function listRules(): number {
  let missing = 0
  for (const rule of rules) {
    const own = tests.filter(test => test.rules.includes(rule))
    const isMissing = own.length === 0 && !later.has(rule)
    if (isMissing) missing++
    console.log(
      `${rule.padEnd(5)}${isMissing ? '✖ no test' : own.length === 0 ? `later: ${later.get(rule)}` : ''}`,
    )
    for (const test of own) console.log(`     ${test.file}:${test.line}  ${test.title}`)
  }
  const unknown = tests.flatMap(test =>
    test.rules
      .filter(rule => !rules.includes(rule))
      .map(rule => `${test.file}:${test.line}: there is no rule ${rule}`),
  )
  for (const problem of unknown) console.log(`✖ ${problem}`)
  const expected = rules.filter(rule => !later.has(rule)).length
  console.log(`\n${later.size} rules come later`)
  console.log(`${expected - missing} passed, ${missing + unknown.length} failed`)
  return missing + unknown.length
}

/** Those need a Kafka, and what they hold up is tried without one too. */
function isBrokerTest(file: string): boolean {
  return /\.(kafka|faults)\.test\.ts$/.test(file)
}

async function breakRules(only: readonly string[]): Promise<number> {
  const wanted = rules.filter(rule =>
    only.length > 0 ? only.includes(rule) : breakableSections.test(rule) && !later.has(rule),
  )
  let unnoticed = 0
  console.log('rule  tests  without its defence')
  for (const rule of wanted) {
    const own = tests.filter(test => test.rules.includes(rule))
    const verdict = await verdictOf(rule, own)
    if (!verdict.noticed) unnoticed++
    console.log(
      `${rule.padEnd(6)}${String(own.length).padEnd(7)}${verdict.noticed ? '✔' : '✖'} ${verdict.text}`,
    )
  }
  if (wanted.length === 0) console.log('no such rule')
  const failures = wanted.length === 0 ? 1 : unnoticed
  console.log(`\n${wanted.length - unnoticed} passed, ${failures} failed`)
  return failures
}

async function verdictOf(
  rule: string,
  own: readonly TitledTest[],
): Promise<{ noticed: boolean; text: string }> {
  if (own.length === 0) return { noticed: false, text: 'no test has its number' }
  if (!hasSwitch(rule)) return { noticed: false, text: `no isBroken('${rule}') in the sources` }
  const run = (broken: string, testTimeoutMs?: number) =>
    runTests({
      testTimeoutMs,
      files: [...new Set(own.flatMap(test => test.runBy))].filter(file => !isBrokerTest(file)),
      titlePattern: `\\[${rule.replace('.', '\\.')}[\\],]`,
      env: { MILLRACE_BREAK: broken },
      print: false,
      timeoutMs: 180_000,
    })
  const whole = await run('')
  if (whole.failed > 0) return { noticed: false, text: `fails with its defence too: ${why(whole)}` }
  if (whole.passed === 0) return { noticed: false, text: 'its tests did not run' }
  // A test that waits for what never comes without the defence has noticed, too.
  const broken = await run(rule, 20_000)
  if (broken.failed === 0) return { noticed: false, text: `all ${broken.passed} tests still pass` }
  return { noticed: true, text: `${broken.failed} of ${broken.passed + broken.failed} fail: ${why(broken)}` }
}

function why(run: { failures: readonly { title: string }[]; ended?: string }): string {
  return run.failures[0]?.title ?? `the process ${run.ended}`
}

function hasSwitch(rule: string): boolean {
  const isProduct = (file: SourceFile) =>
    /^packages\/millrace\/src\//.test(file.path) && !file.path.endsWith('.test.ts')
  return [...files.values()].some(file => isProduct(file) && file.text.includes(`isBroken('${rule}')`))
}
