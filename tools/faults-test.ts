/**
 * `npm run test:faults [-- --long] [--seed N] [--kills N] [--records N] [--rounds N] [--minutes N]
 * [--only tests|atomic|positions-first|at-least-once] [--twice] [part-of-a-test-file-name …]`:
 * what Kafka's brokers, and the ways to them, can do to a pipeline. First the tests that kill brokers of their own, then a storm like
 * that of `npm run test:kill` on three brokers that are killed, cut off and slowed down meanwhile. Needs Java 17 and Maven; where they
 * are not it says so and skips. `--minutes` says how long a storm may last; then it is judged, whatever has happened by then. With `--twice`,
 * for `.ci/run`, files with failed tests, never a storm, are run once more by themselves. The last line is `N passed, N failed`.
 */
import { parseArgs } from 'node:util'
import { kafkaJars, missingForKafka } from './kafka/jars.ts'
import { Checks } from './kill/checks.ts'
import { kafkaGround } from './kill/kafka-ground.ts'
import { Cap, commitPoints, control, occasionally, storm } from './kill/storm.ts'
import { transactionPoints } from './kill/worker-options.ts'
import { brokerTestFiles, runTests, runTestsTwice } from './run-tests.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    long: { type: 'boolean', default: false },
    seed: { type: 'string' },
    kills: { type: 'string' },
    records: { type: 'string' },
    only: { type: 'string' },
    rounds: { type: 'string' },
    minutes: { type: 'string' },
    twice: { type: 'boolean', default: false },
  },
})
const extent = values.long
  ? { kills: 100, records: 2_000_000, recordsPerSecond: 3_500, rounds: 6, minutes: 35 }
  : { kills: 20, records: 50_000, recordsPerSecond: 800, rounds: 1, minutes: 15 }
/** What is left to be done after a storm; most of it is for a machine that has much else to do. */
const endMinutes = 25
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
const only = positionals.length > 0 ? 'tests' : values.only
const wants = (part: string) => only === undefined || only === part

const missing = missingForKafka()
if (missing.length > 0) {
  console.log(`Left out, for there is no Kafka: ${missing.join('; ')}.\n0 passed, 0 failed, 1 skipped`)
  process.exit(0)
}
const again = [...process.argv.slice(2), ...(values.seed === undefined ? [`--seed=${seed}`] : [])]
console.log(`seed ${seed}; again with: npm run test:faults -- ${again.join(' ')}`)
const checks = new Checks()
if (wants('tests')) await brokerTests()

const minutes = Number(values.minutes ?? extent.minutes)
const cap = new Cap(60_000 * (minutes + endMinutes), checks)
const common = {
  seed,
  sessionTimeoutMs: 2_000,
  onProgress: occasionally(),
  onBegun: (report: Cap['report']) => {
    cap.report = report
  },
}
if (wants('atomic')) {
  await storm(checks, {
    ...common,
    onEvent: line => console.log(`  ${line}`),
    kills: Number(values.kills ?? extent.kills),
    records: Number(values.records ?? extent.records),
    recordsPerSecond: extent.recordsPerSecond,
    memberCounts: [2, 2, 3],
    stormMs: 60_000 * minutes,
    points: [...commitPoints, ...transactionPoints],
    ground: kafkaGround({ seed, brokers: 3, rounds: Number(values.rounds ?? extent.rounds) }),
  })
}
for (const mode of ['positions-first', 'at-least-once'] as const) {
  const ground = kafkaGround({ seed, brokers: 1, rounds: 0 })
  if (wants(mode)) await control(checks, mode, { ...common, ground })
}
cap.lift()
console.log(`\n${checks}`)
// Whatever a phase that was given up still holds on to must not keep the process.
process.exit(checks.failed === 0 && checks.passed > 0 ? 0 : 1)

async function brokerTests(): Promise<void> {
  const files = brokerTestFiles('faults').filter(
    file => positionals.length === 0 || positionals.some(part => file.includes(part)),
  )
  if (files.length === 0)
    return checks.check(`a test file has ${positionals.join(' or ')} in its name`, false)
  const env = { MILLRACE_KAFKA_JARS: kafkaJars() }
  const options = { files, print: true, timeoutMs: 25 * 60_000, testTimeoutMs: 600_000, env }
  const run = await (values.twice ? runTestsTwice : runTests)(options)
  checks.passed += run.passed
  checks.failed += run.failed
  if (run.ended) console.log(`✖ The test process ${run.ended}.`)
  for (const failure of run.failures) console.log(`  ${failure.place}  ${failure.title}`)
  for (const test of run.mended ?? []) console.log(`↻ passed the second time: ${test.place}  ${test.title}`)
}
