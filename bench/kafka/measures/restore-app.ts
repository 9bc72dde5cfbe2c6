/** A running count and sum per bidder: filled to the end of its input, or restored from what that left. */
import { setTimeout as wait } from 'node:timers/promises'
import { count, json, pipeline, sum, topic } from 'millrace'
import type { App } from '../../../packages/millrace/src/runtime/app.ts'
import { start } from '../../../packages/millrace/src/runtime/start.ts'
import { Digest } from '../../data/digest.ts'
import { type Bid, partitions } from '../data/bids.ts'
import type { Guarantee } from '../harness/cases.ts'
import type { RestoreRun } from './measures.ts'

export interface RestoreJob {
  readonly app: string
  readonly brokers: readonly string[]
  readonly input: string
  readonly directory: string
  readonly guarantee: Guarantee
  readonly commitMs: number
  readonly isFilling?: boolean
}

export interface RestoreResult extends RestoreRun {
  /** Of all rows. */
  readonly digest: string
}

const step = 'per-bidder'
const rowsMax = 1_000_000

const job: RestoreJob = JSON.parse(process.argv[2]!)
const perBidder = pipeline('restore', p => {
  p.from(topic(job.input, { value: json<Bid>(), partitions }), { idle: 'never' })
    .byKey()
    .aggregate(step, { n: count<Bid>(), total: sum<Bid>(v => v.price) })
})
const { app, brokers, directory: data, guarantee, commitMs: commitIntervalMs } = job
const begunMs = performance.now()
const cpu = process.cpuUsage()
const options = { app, brokers, data, guarantee, commitIntervalMs, once: job.isFilling === true }
const running = await start([perBidder], options)
if (job.isFilling) {
  await Promise.race([running.finished, running.failed])
  await running.stop({ leave: true })
  process.stdout.write('null\n')
} else process.stdout.write(`${JSON.stringify(await restored(running))}\n`)
process.exit(0)

async function restored(running: App): Promise<RestoreResult> {
  let fixedMs: number | undefined
  while (!isRestored(running)) {
    if (isReading(running)) fixedMs ??= performance.now() - begunMs
    await Promise.race([running.failed, wait(5)])
  }
  const readyMs = performance.now() - begunMs
  const { user, system } = process.cpuUsage(cpu)
  const metrics = await running.metrics()
  const digest = new Digest()
  for (const { key, value } of await running.store(step).range({ limit: rowsMax })) {
    const { n, total } = value as { n: number; total: number }
    digest.add(`${key}|${n}|${total}`)
  }
  await running.stop({ leave: true })
  return {
    records: metric(metrics, 'millrace_restored_records_total'),
    fixedMs: fixedMs ?? readyMs,
    readyMs,
    cpuSeconds: (user + system) / 1e6,
    digest: digest.text,
  }
}

/** How much there is to read is known. */
function isReading(running: App): boolean {
  return running.health().pipelines.some(({ restoring }) => restoring.some(({ total }) => total > 0))
}

function isRestored(running: App): boolean {
  const { isReady, pipelines } = running.health()
  return (
    isReady &&
    pipelines.every(({ tasks, restoring }) => tasks.length === partitions && restoring.length === 0)
  )
}

function metric(text: string, name: string): number {
  const line = text.split('\n').find(each => each.startsWith(`${name}{`))
  if (line === undefined) throw new Error(`The app has no metric ${name}`)
  return Number(line.slice(line.lastIndexOf(' ')))
}
