import { openKafkaLog } from '../../packages/millrace/src/log/kafka/open.ts'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import { seededRandom } from '../../packages/millrace/src/std/random.ts'
import { startProxiedCluster } from '../kafka/cluster.ts'
import { brokerFaults } from './broker-faults.ts'
import { BrokerView } from './broker-view.ts'
import type { OpenGround } from './ground.ts'
import { until } from './until.ts'
import { Weather } from './weather.ts'

/** Transactions of the dead that nobody ended, the coordinator ends: by their timeout, and some seconds more. */
const allEndedMs = 40_000

export interface KafkaGroundOptions {
  readonly seed: number
  readonly brokers: number
  /** Each fault of the brokers and of the ways to them strikes so often; 0 is fair weather. */
  readonly rounds: number
}

/** A Kafka of its own, behind proxies. */
export function kafkaGround({ seed, brokers, rounds }: KafkaGroundOptions): OpenGround {
  return async () => {
    const cluster = await startProxiedCluster(brokers)
    const view = new BrokerView(cluster.brokers)
    const logs: Log[] = []
    const weather = new Weather({
      faults: rounds > 0 ? brokerFaults(cluster, view) : [],
      random: seededRandom(seed + 2),
      rounds,
      pauseMinMs: 1_000,
      pauseMaxMs: 5_000,
    })
    return {
      brokers: cluster.proxies.map(({ port }) => `127.0.0.1:${port}`),
      ...(rounds > 0 && { weather }),
      open: async patienceMs => {
        const kafka = { 'request.timeout.ms': 5_000, 'delivery.timeout.ms': patienceMs }
        const log = await openKafkaLog({ brokers: cluster.brokers, kafka })
        logs.push(log)
        return log
      },
      openTransactions: () => view.openTransactions(),
      leftovers: async () => {
        let open: string[] = []
        const isClean = async () => {
          open = await view.openTransactions()
          return open.length === 0
        }
        const failure = await until(allEndedMs, () => `Transactions hang: ${open}`, isClean).catch(String)
        return failure === undefined ? [] : [failure]
      },
      close: async () => {
        for (const log of logs) await log.close()
        await view.close()
        await cluster.stop()
      },
    }
  }
}
