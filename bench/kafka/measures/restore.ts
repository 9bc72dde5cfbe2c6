import { mkdirSync, rmSync } from 'node:fs'
import { inputTopic } from '../data/input.ts'
import { bidderSums } from '../data/oracle.ts'
import type { Bench } from '../harness/bench.ts'
import { inProcess } from '../harness/spawn.ts'
import type { Measure, RestoreRun } from './measures.ts'
import type { RestoreJob, RestoreResult } from './restore-app.ts'

const script = new URL('./restore-app.ts', import.meta.url)

/** Fills a table of the bidders, loses its disk, and lets a new process read it back from the changelog; checks every row of it. */
export async function measureRestore(bench: Bench, measure: Measure, records: number): Promise<RestoreRun> {
  await bench.prepare({ ...measure, workload: 'w1', program: 'millrace', style: 'callbacks' }, records)
  const place = await bench.place([])
  const { brokers, app, directory } = place
  try {
    const job: RestoreJob = { ...measure, brokers, app, directory, input: inputTopic(records) }
    await inProcess(script, { ...job, isFilling: true })
    rmSync(directory, { recursive: true })
    mkdirSync(directory)
    const { digest, ...run } = await inProcess<RestoreResult>(script, job)
    const expected = bidderSums(records)
    if (digest !== expected)
      throw new Error(`The restored table is wrong: ${digest}; the oracle says ${expected}`)
    return run
  } finally {
    place.remove()
  }
}
