import { once } from 'node:events'
import { pacedOracle } from '../data/paced.ts'
import { resultsOf } from '../data/results.ts'
import type { Bench } from '../harness/bench.ts'
import type { Case } from '../harness/cases.ts'
import { inProcess, onMeasuredCore, otherCore } from '../harness/spawn.ts'
import type { LatencyApp } from './latency-app.ts'
import type { LatencyRun, Measure } from './measures.ts'
import type { Traffic, TrafficResult } from './traffic.ts'

const input = 'paced'
const output = 'results'

/** How long and how much; without a rate half of what the pipeline reads at its fastest is taken. */
export interface LatencyVolume {
  readonly perSecond?: number
  readonly seconds: number
  readonly warmUpSeconds: number
  /** Of the run that says how fast the pipeline can be. */
  readonly records: number
}

/** Runs W0 beside a steady stream of records at half of what it can take, and checks every result. */
export async function measureLatency(
  bench: Bench,
  measure: Measure,
  volume: LatencyVolume,
): Promise<LatencyRun> {
  const { seconds, warmUpSeconds } = volume
  const perSecond = volume.perSecond ?? (await halfLoad(bench, measure, volume.records))
  const place = await bench.place([input, output])
  const { brokers, app, directory, log } = place
  const { guarantee, commitMs } = measure
  const job: LatencyApp = { app, brokers, input, output, directory, guarantee, commitMs }
  const child = onMeasuredCore(new URL('./latency-app.ts', import.meta.url), job)
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>
  const early = ended.then(([code, signal]) => {
    throw new Error(`The pipeline whose latency is measured ended with ${code ?? signal}`)
  })
  early.catch(() => {})
  try {
    await Promise.race([early, once(child, 'message')])
    const traffic: Traffic = { brokers, input, output, perSecond, seconds, warmUpSeconds }
    const script = new URL('./traffic-child.ts', import.meta.url)
    const result = await Promise.race([early, inProcess<TrafficResult>(script, traffic, otherCore)])
    child.send('stop')
    const [code, signal] = await ended
    if (code !== 0) throw new Error(`The pipeline whose latency is measured ended with ${code ?? signal}`)
    const found = await resultsOf(log, output, 'w0', result.count)
    const expected = pacedOracle(result)
    if (found !== expected) throw new Error(`W0 gave wrong results: ${found}; the oracle says ${expected}`)
    const { p50Ms, p99Ms, results } = result
    return { perSecond, p50Ms, p99Ms, results }
  } finally {
    child.kill('SIGKILL')
    place.remove()
  }
}

async function halfLoad(bench: Bench, { guarantee, commitMs }: Measure, records: number): Promise<number> {
  const fastest: Case = { workload: 'w0', program: 'millrace', style: 'callbacks', guarantee, commitMs }
  await bench.prepare(fastest, records)
  const { records: read, wallSeconds } = await bench.run(fastest, records)
  return Math.round(read / wallSeconds / 2)
}
