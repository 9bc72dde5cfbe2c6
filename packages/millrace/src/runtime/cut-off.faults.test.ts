import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { startCluster, type TestCluster } from '../../../../tools/kafka/cluster.ts'
import { AT_ONCE } from '../log/conformance/store.ts'
import { Cluster } from '../log/kafka/cluster.ts'
import { type Dial, systemDial } from '../log/kafka/dial.ts'
import { openKafkaIn, openKafkaLog } from '../log/kafka/open.ts'
import { kafkaSettings } from '../log/kafka/settings.ts'
import { isWithoutJava } from '../log/kafka/testkit/java-client.ts'
import { REQUEST, watchRequests } from '../log/kafka/testkit/watch-requests.ts'
import { repartitionTopic } from '../plan/names.ts'
import { systemClock } from '../std/clock.ts'
import { partitionOf } from '../std/murmur2.ts'
import { cutOffPipeline, cutOffUsers, tellCutOff } from './testkit/cut-off-story.ts'
import { runPipeline } from './testkit/run-pipeline.ts'

/** What becomes of a request for records to the broker that is cut off: whether the connection breaks or is silent. */
const faults = { 'breaks every connection': true, 'never answers': false }

/** How long it takes to look up who leads the partitions; a fetch waits 100 ms. */
const lookups = { '': 0, ', though looking up the leaders has used up the time to wait': 1_000 }

/** Requests for records to one port get lost, and everything else goes on, as when the group's broker is another one. */
class CutOffDial {
  felt = 0
  #port: number | undefined
  readonly #isBreaking: boolean
  readonly #onLookup: () => void
  readonly #cutOff = new Set<Socket>()
  readonly dial: Dial = options =>
    this.#watch(systemDial(undefined)(options), (options as { port: number }).port)

  constructor(isBreaking: boolean, onLookup: () => void = () => {}) {
    this.#isBreaking = isBreaking
    this.#onLookup = onLookup
  }

  cut(port: number): void {
    this.#port = port
  }

  mend(): void {
    this.#port = undefined
    for (const socket of this.#cutOff) socket.destroy()
  }

  #watch(socket: Socket, port: number): Socket {
    return watchRequests(socket, (request, send) => {
      if (request === REQUEST.metadata) this.#onLookup()
      if (request !== REQUEST.fetch || port !== this.#port) return send()
      this.felt++
      if (this.#isBreaking) socket.destroy()
      else this.#cutOff.add(socket)
      return !this.#isBreaking
    })
  }
}

describe('a partition whose broker, of three,', { skip: isWithoutJava, timeout: 400_000 }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = await startCluster(3, { isShortLived: true })
  })
  after(() => cluster?.stop())

  const portOf = (id: number) => Number(cluster.brokers[id - 1]!.split(':')[1])

  /** The broker that leads each partition of some topics, as `topic/partition`. */
  async function leadersOf(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const settings = kafkaSettings({ 'bootstrap.servers': cluster.brokers.join(',') })
    const view = new Cluster({ settings, clock: systemClock, dial: systemDial(undefined) })
    try {
      const found = await view.refresh(topics)
      return new Map(
        found.flatMap(({ name, partitions }) =>
          partitions.map(({ leader }, partition) => [`${name}/${partition}`, leader]),
        ),
      )
    } finally {
      await view.close()
    }
  }

  for (const [silence, lookupMs] of Object.entries(lookups))
    it(`keeps nothing back of what the others say while it is silent${silence}`, async t => {
      const log = await openKafkaLog({ brokers: cluster.brokers })
      t.after(() => log.close())
      const topic = `parts-${lookupMs}`
      await log.createTopics([{ name: topic, partitions: 3, retentionMs: -1 }])
      const leaders = await leadersOf([topic])
      const leader = leaders.get(`${topic}/0`)!
      let passedMs = 0
      const cutOff = new CutOffDial(false, () => {
        passedMs += lookupMs
      })
      const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + passedMs }
      const faulty = await openKafkaIn({ dial: cutOff.dial }, { brokers: cluster.brokers, clock })
      t.after(() => faulty.close())
      const positions = [0, 1, 2].map(partition => ({ topic, partition, offset: 0 }))
      cutOff.cut(portOf(leader))
      passedMs = 0
      // On a busy machine one answer of the others may come late as well; it is there for the fetch after it.
      let known: boolean[] = []
      for (let fetches = 0; fetches < 20 && known.filter(Boolean).length < 2; fetches++) {
        const found = await faulty.fetch(positions, { ...AT_ONCE, maxWaitMs: 100 })
        assert.deepEqual(
          found.flatMap(({ error }) => error ?? []),
          [],
        )
        known = found.map(({ highWatermark }, at) => highWatermark === 0 || known[at] === true)
      }
      assert.ok(cutOff.felt > 0)
      assert.ok(lookupMs === 0 || passedMs > 0)
      assert.deepEqual(
        known,
        positions.map(({ partition }) => leaders.get(`${topic}/${partition}`) !== leader),
      )
    })

  for (const [fault, isBreaking] of Object.entries(faults))
    it(`[3.4] ${fault} is not taken for idle`, async t => {
      const log = await openKafkaLog({ brokers: cluster.brokers })
      t.after(() => log.close())
      const parts = cutOffPipeline({ idle: '8s', prefix: `${isBreaking}-` })
      const topics = [parts.views, parts.seen, parts.closed]
      await log.createTopics(
        topics.map(({ name, partitions = 1 }) => ({ name, partitions, retentionMs: -1 })),
      )
      const cutOff = new CutOffDial(isBreaking)
      const faulty = await openKafkaIn({ dial: cutOff.dial }, { brokers: cluster.brokers })
      t.after(() => faulty.close())
      // On a busy machine the story takes longer than what counts as a stall.
      await using running = await runPipeline(parts.counting, faulty, { stallMs: 600_000 })
      const windows = repartitionTopic('test', parts.counting.graph.name, 'user')
      const leaders = await leadersOf([parts.views.name, windows])
      const leader = leaders.get(`${parts.views.name}/0`)!
      const users = cutOffUsers.filter(user => {
        const key = Buffer.from(user)
        return leaders.get(`${windows}/${partitionOf(key, 0, key.length, 2)}`) !== leader
      })
      await tellCutOff({
        running,
        parts,
        users,
        log,
        cut: () => {
          const before = cutOff.felt
          cutOff.cut(portOf(leader))
          return () => cutOff.felt - before
        },
        mend: () => cutOff.mend(),
        pass: () => new Promise(resolve => setTimeout(resolve, 20)),
      })
    })
})
