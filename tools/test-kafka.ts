/**
 * `npm run test:kafka [-- part-of-a-file-name …]`: the tests that need a real Kafka, and `npm run test:faults` those that kill
 * brokers of their own. The first takes the one of MILLRACE_BROKERS, else it
 * starts its own (Java 17, Maven); where neither is there it says so and skips. A schema registry is started beside it for the tests that need
 * one, unless MILLRACE_REGISTRY says where one is. With `--twice`, for
 * `.ci/run`, files with failures are run once more by themselves. The last line is `N passed, N failed`.
 */
import { parseArgs } from 'node:util'
import { startCluster } from './kafka/cluster.ts'
import { formatJars, kafkaJars, missingForKafka } from './kafka/jars.ts'
import { startSchemaRegistry } from './kafka/schema-registry.ts'
import { type BrokerTests, brokerTestFiles, runTests, runTestsTwice } from './run-tests.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { twice: { type: 'boolean', default: false } },
})
const [kind, ...wanted] = positionals as [BrokerTests, ...string[]]
const files = brokerTestFiles(kind).filter(
  file => wanted.length === 0 || wanted.some(part => file.includes(part)),
)
if (files.length === 0) {
  console.log(`No Kafka test file has ${wanted.join(' or ')} in its name.\n0 passed, 1 failed`)
  process.exit(1)
}
const given = process.env.MILLRACE_BROKERS
const missing = given ? [] : missingForKafka()
if (missing.length > 0) {
  console.log(
    `Left out, for there is no Kafka: ${missing.join('; ')}. A running one can be given as MILLRACE_BROKERS.`,
  )
  console.log(`0 passed, 0 failed, ${files.length} skipped`)
  process.exit(0)
}
const began = performance.now()
const registryGiven = process.env.MILLRACE_REGISTRY
const wantsRegistry = !given && files.some(file => file.includes('registry'))
const [cluster, registry] = await Promise.all([
  given ? undefined : startCluster(1),
  wantsRegistry && !registryGiven ? startSchemaRegistry() : undefined,
])
const brokers = given ?? cluster!.brokers.join(',')
console.log(`Kafka at ${brokers}${given ? ' (MILLRACE_BROKERS)' : ''}`)
const runAll = values.twice ? runTestsTwice : runTests
const run = await runAll({
  files,
  print: true,
  timeoutMs: 20 * 60_000,
  // The jars hold Java's own clients, which some tests hold against ours.
  env: {
    MILLRACE_BROKERS: brokers,
    ...(cluster && { MILLRACE_KAFKA_JARS: kafkaJars() }),
    ...(registry && { MILLRACE_REGISTRY: registry.url }),
    ...(wantsRegistry && { MILLRACE_FORMAT_JARS: formatJars() }),
  },
}).finally(() => Promise.all([cluster?.stop(), registry?.stop()]))
if (run.ended) console.log(`\n✖ The test process ${run.ended}.`)
for (const failure of run.failures) console.log(`  ${failure.place}  ${failure.title}`)
for (const test of run.mended ?? []) console.log(`↻ passed the second time: ${test.place}  ${test.title}`)
console.log(`\n${files.length} files in ${((performance.now() - began) / 1000).toFixed(1)} s`)
console.log(`${run.passed} passed, ${run.failed} failed${run.skipped > 0 ? `, ${run.skipped} skipped` : ''}`)
process.exitCode = run.failed === 0 && run.passed > 0 ? 0 : 1
