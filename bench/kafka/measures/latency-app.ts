/** Runs W0 until the parent has had enough, and tells it when the tasks run. */
import { setTimeout as wait } from 'node:timers/promises'
import { start } from '../../../packages/millrace/src/runtime/start.ts'
import type { Guarantee } from '../harness/cases.ts'
import { pipelineOf } from '../pipelines.ts'

export interface LatencyApp {
  readonly app: string
  readonly brokers: readonly string[]
  readonly input: string
  readonly output: string
  readonly directory: string
  readonly guarantee: Guarantee
  readonly commitMs: number
}

const job: LatencyApp = JSON.parse(process.argv[2]!)
const { app, brokers, input, output, directory: data, guarantee, commitMs: commitIntervalMs } = job
const pipeline = pipelineOf({ workload: 'w0', style: 'callbacks', input, output })
const running = await start([pipeline], { app, brokers, data, guarantee, commitIntervalMs })
while (!running.health().isReady) await Promise.race([running.failed, wait(20)])
process.send!('ready')
await Promise.race([running.failed, new Promise(resolve => process.once('message', resolve))])
await running.stop()
process.exit(0)
