import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openEmbeddedLog } from '../../packages/millrace/src/log/embedded/open.ts'
import type { Log, OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { MemoryLog } from '../../packages/millrace/src/log/memory/memory-log.ts'
import { start } from '../../packages/millrace/src/runtime/start.ts'
import { disorderMs, type Event } from '../data/events.ts'
import { createTopics, inputBatches, inputFile, inputTopic, partitions } from '../data/input.ts'
import { type User, userBatches, userCount } from '../data/users.ts'
import { commitMs, outputTopic, pipelineOf, type Style, usersTopic, withUser } from '../engine/pipelines.ts'
import type { LoopStyle } from '../loops/decode.ts'
import { runLoops } from '../loops/run.ts'
import { w0Stages } from '../loops/w0.ts'
import { w1Stages } from '../loops/w1.ts'
import { w2Stages } from '../loops/w2.ts'
import { w3Stages } from '../loops/w3.ts'
import { type Case, isByHand, usersOf, volumeOf } from './cases.ts'
import { digestOf } from './check.ts'
import { type Measured, Meter, meteredLog } from './meter.ts'

export interface CaseResult extends Measured {
  /** What came out, to be compared with the oracle. */
  readonly digest: string
}

const appendBytes = 8 << 20
/** Before every event. */
const usersTime = Date.UTC(2025, 0, 1)

const topics = { input: inputTopic, output: outputTopic }
const forwards = { ...topics, fields: ['device'], isWanted: (v: Event) => v.device !== 'bot' } as const
const sums = { ...topics, field: 'ms', amount: (v: Event) => v.ms, disorderMs } as const
const counts = { ...topics, fields: ['url'], key: (v: Event) => v.url } as const

const lookups = {
  ...topics,
  table: usersTopic,
  fields: ['at', 'ms', 'url'],
  rowFields: ['city', 'name', 'state', 'tier'],
  join: withUser,
} as const
const stagesOf = {
  w0: (style: LoopStyle) => w0Stages<Event, Event>(style, forwards),
  w1: (style: LoopStyle) => w1Stages(style, sums),
  w2: (style: LoopStyle) => w2Stages(style, counts),
  w3: (style: LoopStyle) => w3Stages<Event, User>(style, lookups),
}

/** Runs a case in this process, which should run nothing else, over the prepared input in `directory`. */
export async function runCase(each: Case, directory: string): Promise<CaseResult> {
  const volume = volumeOf(each)
  const data = join(directory, `log-${process.pid}`)
  const log = each.where === 'memory' ? new MemoryLog() : await openLog(data)
  try {
    await fill(log, inputFile(directory, volume.records, usersOf(each.workload)))
    if (each.workload === 'w3') await fillUsers(log)
    const meter = new Meter(volume.warmUpRecords)
    const metered = meteredLog(log, meter, each.style !== 'schema')
    if (each.program === 'loop' && isByHand(each.workload))
      await runLoops(metered, 'loop', stagesOf[each.workload](each.style), commitMs)
    else await runPipeline(metered, each)
    const measured = meter.finish()
    return { ...measured, digest: await digestOf(log, each.workload) }
  } finally {
    await log.close()
    rmSync(data, { recursive: true, force: true })
  }
}

function openLog(directory: string): Promise<Log> {
  mkdirSync(directory, { recursive: true })
  return openEmbeddedLog({ directory })
}

async function fill(log: Log, path: string): Promise<void> {
  await createTopics(log, [inputTopic, outputTopic])
  let waiting: OutgoingBatch[] = []
  let bytes = 0
  for (const batch of inputBatches(path, inputTopic)) {
    waiting.push(batch)
    bytes += batch.bytes.length
    if (bytes < appendBytes) continue
    await log.append(waiting)
    waiting = []
    bytes = 0
  }
  if (waiting.length > 0) await log.append(waiting)
}

async function fillUsers(log: Log): Promise<void> {
  await createTopics(log, [usersTopic])
  const keyOf = (id: number) => `u${String(id).padStart(6, '0')}`
  await log.append([...userBatches(usersTopic, partitions, [0, userCount], keyOf, usersTime)])
}

async function runPipeline(log: Log, { workload, style }: Case): Promise<void> {
  const app = await start([pipelineOf(workload, style as Style, 'bench')!], { app: 'bench', log, once: true })
  await Promise.race([app.finished, app.failed])
  await app.stop()
}
