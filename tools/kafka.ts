/**
 * `node tools/kafka.ts [--brokers N | --secured]`: an Apache Kafka on loopback until Ctrl-C; prints the lines to paste. Needs Java 17
 * and Maven, and openssl for the secured one.
 */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startCluster, startSecuredCluster } from './kafka/cluster.ts'
import { missingForKafka } from './kafka/jars.ts'

const { values } = parseArgs({
  options: { brokers: { type: 'string', default: '1' }, secured: { type: 'boolean', default: false } },
})
const missing = missingForKafka()
if (missing.length > 0) {
  console.error(`No Kafka can be started here: ${missing.join('; ')}.`)
  process.exit(1)
}
const cluster = values.secured ? await startSecuredCluster() : await startCluster(Number(values.brokers))
console.log(`export MILLRACE_BROKERS=${cluster.brokers.join(',')}`)
if ('listeners' in cluster) console.log(`export MILLRACE_SECURED='${JSON.stringify(cluster)}'`)
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
await cluster.stop()
