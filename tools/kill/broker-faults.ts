import { setTimeout as sleep } from 'node:timers/promises'
import { groupName } from '../../packages/millrace/src/plan/names.ts'
import type { ProxiedCluster } from '../kafka/cluster.ts'
import type { FaultProxy } from '../kafka/fault-proxy.ts'
import type { BrokerView } from './broker-view.ts'
import { appName, pipelineNames } from './pipelines.ts'
import { pick, type Random } from './random.ts'
import { until } from './until.ts'
import type { WeatherFault } from './weather.ts'

const inSyncMs = 180_000
const movedMs = 180_000
/** Longer than workers wait for an answer. */
const lateMs = 6_000
/** How often what is to make bytes late is done before it counts as broken. */
const lateTriesMax = 6
const transactionTopic = '__transaction_state'

/** What can happen to a Kafka and to the ways to it. */
export function brokerFaults(cluster: ProxiedCluster, view: BrokerView): WeatherFault[] {
  const ids = cluster.brokers.map((_, i) => i + 1)
  const proxies = () => cluster.proxies

  /** Kills a broker, and starts it again when `meanwhile` is done. */
  const restart = async (id: number, meanwhile: () => Promise<void>) => {
    await view.untilInSync(inSyncMs)
    await cluster.kill(id)
    try {
      await meanwhile()
    } finally {
      await cluster.start(id)
    }
    await view.untilInSync(inSyncMs)
  }
  /** Kills who has an office, and starts it again once another has it. */
  const move = async (random: Random, holder: () => Promise<number>) => {
    let before = -1
    const found = async () => {
      before = await holder()
      return before > 0
    }
    await until(movedMs, () => 'Nobody coordinates', found)
    await restart(before, async () => {
      const isMoved = async () => {
        const now = await holder()
        return now > 0 && now !== before
      }
      await until(movedMs, () => `Nobody has taken over from broker ${before}`, isMoved)
      await aWhile(random)
    })
  }
  const aWhile = (random: Random) => sleep(500 + 2_500 * random())

  return [
    {
      name: 'broker killed and started again',
      strike: random => restart(pick(ids, random), () => aWhile(random)),
    },
    {
      name: 'coordinator of a group moved by a kill',
      strike: async random => {
        const group = groupName(appName, pick(pipelineNames, random))
        await move(random, () => view.coordinatorOf(group))
      },
    },
    {
      name: 'coordinator of transactions moved by a kill',
      strike: async random => {
        const partition = Math.floor(random() * 4)
        await move(random, () => view.leaderOf(transactionTopic, partition))
      },
    },
    {
      name: 'all connections cut',
      strike: async () => {
        await connected()
        for (const proxy of proxies()) proxy.cut()
      },
    },
    {
      name: 'one broker cut off from its clients',
      strike: async random => {
        const proxy = pick(await connected(), random)
        proxy.shut()
        await sleep(1_000 + 3_000 * random())
        proxy.open()
      },
    },
    {
      name: 'bytes delayed',
      strike: async random => {
        const ms = 20 + 130 * random()
        await untilLate('No byte was delayed', async () => {
          await connected()
          for (const proxy of proxies()) proxy.delay(ms)
          await sleep(3_000)
          for (const proxy of proxies()) proxy.delay(0)
        })
      },
    },
    {
      name: 'answers later than the client waits',
      strike: async random => {
        await untilLate('No answer was late', async () => {
          const release = pick(await connected(), random).holdAnswers()
          await sleep(lateMs)
          release()
        })
      },
    },
  ]

  /** The proxies that have clients; there is no harm in what strikes nobody. */
  async function connected(): Promise<FaultProxy[]> {
    const found = () => proxies().filter(({ connections }) => connections > 0)
    await until(
      movedMs,
      () => 'No worker is connected',
      async () => found().length > 0,
    )
    return found()
  }

  /** Strikes again where nobody asked anything meanwhile, as when the clients of a proxy have just been killed. */
  async function untilLate(otherwise: string, strike: () => Promise<void>): Promise<void> {
    const before = latecomers()
    for (let tries = 0; tries < lateTriesMax && latecomers() === before; tries++) await strike()
    if (latecomers() === before) throw new Error(otherwise)
  }

  function latecomers(): number {
    return proxies().reduce((sum, proxy) => sum + proxy.latecomers, 0)
  }
}
