import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json, keys, pipeline, start, topic } from 'millrace'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import type { NexmarkEvent } from './events.ts'
import { eventsTopic, partitions, sideTopic } from './input.ts'
import { linesIn } from './parts.ts'
import type { Query, SideRow } from './query.ts'
import { countedRows, rowsIn } from './rows.ts'
import { type Input, runByWallClock } from './wall-clock.ts'

/** What a query gave: its rows, each as one text, with how often they are there; and the CPU seconds of this process. */
export interface Found {
  readonly rows: Map<string, number>
  readonly cpuSeconds: number
}

/** Runs a query over the events to their end, which are in the log too, and reads the members of its rows that are named. */
export async function runQuery(
  log: Log,
  query: Query,
  input: Input,
  fields: readonly string[],
): Promise<Found> {
  const name = `${query.name}-results`
  const events = topic(eventsTopic, { value: json<NexmarkEvent>(), partitions })
  const results = topic<unknown, unknown>(name, { value: json<unknown>(), partitions, retention: 'forever' })
  const side = topic<SideRow, SideRow, number>(sideTopic, {
    value: json<SideRow>(),
    keySerde: keys.number,
    partitions,
  })
  const folder = await mkdtemp(join(tmpdir(), 'nexmark-'))
  try {
    const program = pipeline(query.name, { commitInterval: '1s' }, p =>
      query.build(p, events, results, side, folder),
    )
    const before = process.cpuUsage()
    const cpuSeconds = () => {
      const { user, system } = process.cpuUsage(before)
      return (user + system) / 1e6
    }
    if (query.goesByWallClock) {
      const values = await runByWallClock(program, events, results, input)
      return { cpuSeconds: cpuSeconds(), rows: countedRows(values, fields) }
    }
    const app = await start([program], { app: 'nexmark', log, once: true })
    await Promise.race([app.finished, app.failed])
    await app.stop()
    const seconds = cpuSeconds()
    if (query.results === 'files') return { cpuSeconds: seconds, rows: countedRows(linesIn(folder), fields) }
    const rows = await rowsIn(log, name, query.results, fields)
    await log.deleteTopics([name])
    return { cpuSeconds: seconds, rows }
  } finally {
    await rm(folder, { recursive: true })
  }
}
