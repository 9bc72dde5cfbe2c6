import { describe, it } from 'node:test'
import { type FetchedPartition, type Log, LogError } from '../log/log.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { VirtualClock } from '../std/clock.ts'
import { cutOffPipeline, cutOffUsers, tellCutOff } from './testkit/cut-off-story.ts'
import { runPipeline } from './testkit/run-pipeline.ts'

const unknown = { batches: [], highWatermark: -1, logStartOffset: -1 }
const error = new LogError('unavailable', 'The connection is broken', { retriable: true })

/** What a log answers for a partition whose broker it does not reach. */
const faults: Record<string, Partial<FetchedPartition>> = {
  'breaks every connection': { error },
  'never answers': {},
}

describe('a partition whose broker', { timeout: 60_000 }, () => {
  for (const [fault, answer] of Object.entries(faults))
    it(`[3.4] ${fault} is not taken for idle`, async () => {
      const clock = new VirtualClock(Date.UTC(2026, 0, 1))
      const log = new MemoryLog(new MemoryBroker({ clock }))
      const parts = cutOffPipeline({ idle: '10s' })
      let isCut = false
      let felt = 0
      const isLost = ({ topic, partition }: { topic: string; partition: number }) =>
        isCut && topic === parts.views.name && partition === 0
      const fetch: Log['fetch'] = async (positions, options) => {
        const reachable = positions.filter(each => !isLost(each))
        const lost = positions.filter(isLost)
        const found = await log.fetch(reachable, options)
        if (lost.length > 0) felt++
        return [...found, ...lost.map(each => ({ ...each, ...unknown, ...answer }))]
      }
      const faulty = new Proxy(log, {
        get: (target, name) => {
          if (name === 'fetch') return fetch
          const value: unknown = Reflect.get(target, name, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      await log.createTopics(
        [parts.views, parts.seen, parts.closed].map(({ name, partitions = 1 }) => ({ name, partitions })),
      )
      await using running = await runPipeline(parts.counting, faulty, { clock })
      await tellCutOff({
        running,
        parts,
        users: cutOffUsers,
        log,
        cut: () => {
          isCut = true
          return () => felt
        },
        mend: () => {
          isCut = false
        },
        pass: async () => clock.advance(10),
      })
    })
})
