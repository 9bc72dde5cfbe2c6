import { json, keys, pipeline, start, topic } from 'millrace'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import type { NexmarkEvent } from './events.ts'
import { eventsTopic, partitions, sideTopic } from './input.ts'
import type { Query, SideRow } from './query.ts'

/** Runs a query over the events in the log to their end; gives the topic of its results, and the CPU seconds of this process. */
export async function runQuery(log: Log, query: Query): Promise<{ topic: string; cpuSeconds: number }> {
  const name = `${query.name}-results`
  const events = topic(eventsTopic, { value: json<NexmarkEvent>(), partitions })
  const results = topic<unknown, unknown>(name, { value: json<unknown>(), partitions, retention: 'forever' })
  const side = topic<SideRow, SideRow, number>(sideTopic, {
    value: json<SideRow>(),
    keySerde: keys.number,
    partitions,
  })
  const before = process.cpuUsage()
  const program = pipeline(query.name, { commitInterval: '1s' }, p => query.build(p, events, results, side))
  const app = await start([program], { app: 'nexmark', log, once: true })
  await Promise.race([app.finished, app.failed])
  await app.stop()
  const { user, system } = process.cpuUsage(before)
  return { topic: name, cpuSeconds: (user + system) / 1e6 }
}
