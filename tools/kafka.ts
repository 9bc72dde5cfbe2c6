/**
 * `node tools/kafka.ts [--brokers N]`: an Apache Kafka on loopback until Ctrl-C; prints the line to paste. Needs Java 17 and Maven.
 */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { startCluster } from './kafka/cluster.ts'
import { missingForKafka } from './kafka/jars.ts'

const { values } = parseArgs({ options: { brokers: { type: 'string', default: '1' } } })
const missing = missingForKafka()
if (missing.length > 0) {
  console.error(`No Kafka can be started here: ${missing.join('; ')}.`)
  process.exit(1)
}
const cluster = await startCluster(Number(values.brokers))
console.log(`export MILLRACE_BROKERS=${cluster.brokers.join(',')}`)
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
await cluster.stop()
