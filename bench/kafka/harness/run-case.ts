import { openKafkaLog } from '../../../packages/millrace/src/log/kafka/open.ts'
import type { Log } from '../../../packages/millrace/src/log/log.ts'
import { start } from '../../../packages/millrace/src/runtime/start.ts'
import { runLoops } from '../../loops/run.ts'
import { stagesOf } from '../loops.ts'
import { pipelineOf } from '../pipelines.ts'
import { runRaw } from '../raw.ts'
import type { Case } from './cases.ts'
import { type Measured, Meter } from './meter.ts'

/** A case and where it finds everything. */
export interface Job {
  readonly case: Case
  readonly brokers: readonly string[]
  readonly brokerPid: number
  /** Of this run alone: group, and prefix of internal topics. */
  readonly app: string
  readonly input: string
  readonly output: string
  readonly records: number
  /** For state on the disk; empty. */
  readonly directory: string
}

/** Runs a case that is a program of ours in this process, which should run nothing else, to the end of its input. */
export async function runCase(job: Job): Promise<Measured> {
  const meter = new Meter(job.records, job.brokerPid)
  const { program } = job.case
  if (program === 'raw') await raw(job, meter)
  else if (program === 'loop') await loop(job, meter)
  else await millrace(job, meter)
  return meter.finish()
}

async function millrace(job: Job, meter: Meter): Promise<void> {
  const { app, brokers, input, output, directory: data } = job
  const { workload, style, guarantee, commitMs: commitIntervalMs } = job.case
  if (style === 'own') throw new Error('A pipeline has a style')
  const pipeline = pipelineOf({ workload, style, input, output })
  const options = { app, brokers, data, guarantee, commitIntervalMs, once: true }
  const running = await start([pipeline], options)
  watch(running.log, input, meter)
  await Promise.race([running.finished, running.failed])
  await running.stop()
}

async function loop({ case: each, app, brokers, input, output }: Job, meter: Meter): Promise<void> {
  const { workload, style, commitMs } = each
  if (style !== 'callbacks' && style !== 'fields') throw new Error(`No loop is written with ${style}`)
  const log = await openKafkaLog({ brokers })
  watch(log, input, meter)
  await runLoops(log, app, stagesOf(workload, style, { input, output }), commitMs)
  await log.close()
}

async function raw({ case: { workload }, brokers, app, input, output }: Job, meter: Meter): Promise<void> {
  if (workload === 'w2' || workload === 'w3') throw new Error(`${workload} is not written on a plain client`)
  await runRaw({ workload, brokers, group: app, input, output, meter })
}

/** Looks at the meter whenever something of the input is asked for: what lies before has been taken. */
function watch(log: Log, input: string, meter: Meter): void {
  const fetch = log.fetch.bind(log)
  log.fetch = (positions, options) => {
    for (const { topic, partition, offset } of positions)
      if (topic === input) meter.notePosition(partition, offset)
    meter.look()
    return fetch(positions, options)
  }
}
