import { rmSync } from 'node:fs'
import { openEmbeddedLog } from '../../packages/millrace/src/log/embedded/open.ts'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import type { App } from '../../packages/millrace/src/runtime/app.ts'
import { start } from '../../packages/millrace/src/runtime/start.ts'
import { topicRecords } from '../harness/topic-records.ts'
import { cases, outputTopic, type Row, type ScaleCase } from './cases.ts'
import { appendEnd, fill } from './input.ts'
import { type LoopFigures, LoopMeter } from './loop-meter.ts'

export interface PhaseFigures extends LoopFigures {
  readonly phase: 'reading' | 'restart' | 'end'
}

/** A case and where it may write. */
export interface Job {
  readonly name: string
  readonly directory: string
  readonly quick: boolean
}

const lookMs = 20
/** The default one: a loop that stands still for longer loses its tasks. */
const sessionTimeoutMs = 10_000

/** Runs a case in this process, which should run nothing else, and checks its results. */
export async function runCase({ name, directory, quick }: Job): Promise<PhaseFigures[]> {
  const each = cases.find(known => known.name === name)!
  const size = quick ? each.size / 50 : each.size
  const log = await openEmbeddedLog({ directory })
  try {
    await fill(log, each.partitions, each.items(size))
    const figures = [await reading(each, log)]
    figures.push(...(await restarting(each, log, size)))
    await check(each, log, size)
    return figures
  } finally {
    await log.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** From the first record to the commit of the last. */
async function reading(each: ScaleCase, log: Log): Promise<PhaseFigures> {
  const meter = new LoopMeter()
  const app = await open(each, log)
  await until(app, () => isReady(app) && lagOf(app) === 0)
  await app.stop()
  return { phase: 'reading', ...meter.finish() }
}

/** From the start to tasks with all of their state, and from a record that ends everything to the last row of it. */
async function restarting(each: ScaleCase, log: Log, size: number): Promise<PhaseFigures[]> {
  const meter = new LoopMeter()
  const app = await open(each, log)
  await until(app, () => isReady(app))
  const figures: PhaseFigures[] = [{ phase: 'restart', ...meter.finish() }]
  await checkRows(each, app, size)
  if (each.endAt !== undefined) {
    const closing = new LoopMeter()
    await appendEnd(log, each.partitions, each.endAt)
    const { rows } = each.expected(size)
    await until(app, async () => (await log.offsets(outputTopic))[0]!.latest >= rows)
    figures.push({ phase: 'end', ...closing.finish() })
  }
  await app.stop()
  return figures
}

async function open(each: ScaleCase, log: Log): Promise<App> {
  const warn = (message: string) => {
    throw new Error(`The app warns: ${message}`)
  }
  const logger = { info() {}, warn, error: warn }
  return start([each.pipeline], { app: 'scale', log, sessionTimeoutMs, logger })
}

async function until(app: App, isDone: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isDone()))
    await Promise.race([app.failed, new Promise(resolve => setTimeout(resolve, lookMs))])
}

function isReady(app: App): boolean {
  const { isReady, pipelines } = app.health()
  return isReady && pipelines.every(({ tasks, restoring }) => tasks.length > 0 && restoring.length === 0)
}

function lagOf(app: App): number {
  return app
    .health()
    .pipelines.reduce((sum, { tasks }) => sum + tasks.reduce((all, { lag }) => all + lag, 0), 0)
}

/** A thousand rows of a table, as they were read again. */
async function checkRows({ name, step }: ScaleCase, app: App, size: number): Promise<void> {
  if (name !== 'keys') return
  for (let key = 0; key < size; key += Math.ceil(size / 1_000)) {
    const row = (await app.store(step).get(`u${key}`)) as Row | undefined
    const n = key % 10 === 0 ? 2 : 1
    if (row?.n !== n)
      throw new Error(`After the restart u${key} has ${JSON.stringify(row)}; it has come ${n} times`)
  }
}

async function check({ name, expected }: ScaleCase, log: Log, size: number): Promise<void> {
  const want = expected(size)
  let rows = 0
  let n = 0
  for await (const record of topicRecords(log, outputTopic, 1)) {
    rows++
    const value = JSON.parse(record.buffer.toString('latin1', record.valueStart, record.valueEnd)) as Row
    n += value.n
  }
  if (rows !== want.rows || (!Number.isNaN(want.n) && n !== want.n))
    throw new Error(`${name} gave ${rows} rows with ${n} records; it must be ${want.rows} with ${want.n}`)
}
