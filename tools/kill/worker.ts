/** A worker process of the kill test: runs the pipelines until it is told to stop, or dies at a named point. */
import { flushCompileCache } from 'node:module'
import { openEmbeddedLog } from '../../packages/millrace/src/log/embedded/open.ts'
import { CommitError, type Log } from '../../packages/millrace/src/log/log.ts'
import { Places } from '../../packages/millrace/src/runtime/places.ts'
import { RunningApp } from '../../packages/millrace/src/runtime/running-app.ts'
import { systemClock } from '../../packages/millrace/src/std/clock.ts'
import { systemRandom } from '../../packages/millrace/src/std/random.ts'
import { appName, killPipelines, pipelineNames } from './pipelines.ts'
import { splitCommit } from './split-commit.ts'
import { Tally } from './tally.ts'
import type { WorkerOptions, WorkerPoint } from './worker-options.ts'

const options = JSON.parse(process.argv[2]!) as WorkerOptions
/** Few enough that processes which live for seconds leave copies of their state. */
const snapshotRecordsMin = 100
const tally = new Tally(options.tallyPath, pipelineNames.length)
let seen = 0

function reached(point: WorkerPoint, pipeline: string | undefined): void {
  const { killAt } = options
  if (killAt?.point !== point || killAt.pipeline !== pipeline) return
  // At once, before this process does anything else: the signal is delivered inside the call.
  if (++seen === killAt.nth) process.kill(process.pid, 'SIGKILL')
}

/** On Kafka with a place in the directory, as `start` has it: who comes next may take over that of a dead one. */
async function openLog(): Promise<{ readonly log: Log; readonly places?: Places }> {
  const { directory, brokers, isFlow1 = false } = options
  if (brokers === undefined) return { log: await openEmbeddedLog({ directory }) }
  // A third of a second that workers over the embedded log need not wait for.
  const { openWithPoints } = await import('./transaction-points.ts')
  const log = await openWithPoints(brokers, isFlow1, point => reached(point, undefined))
  return { log, places: new Places({ directory, cluster: log.clusterId }) }
}

function countFenced(log: Log): void {
  const commit = log.commit.bind(log)
  const counted: Log['commit'] = async each => {
    try {
      return await commit(each)
    } catch (error) {
      if (error instanceof CommitError && error.outcome === 'fenced') tally.fenced()
      throw error
    }
  }
  Object.assign(log, { commit: counted })
}

const tell = (type: string, message?: string) => process.send?.({ type, message })
const { log, places } = await openLog()
splitCommit(log, options.mode, () => reached('between-halves', undefined))
countFenced(log)
const app = new RunningApp({
  name: appName,
  log,
  ownsLog: true,
  data: options.directory,
  ...(places && { places }),
  clock: systemClock,
  logger: {
    info: () => {},
    warn: message => tell('warning', message),
    error: message => tell('error', message),
  },
  random: systemRandom,
  snapshotRecordsMin,
  options: {
    sessionTimeoutMs: options.sessionTimeoutMs,
    ...(options.mode === 'at-least-once' && { guarantee: options.mode, commitIntervalMs: 200 }),
  },
  onPoint: (pipeline, point) => {
    const index = pipelineNames.indexOf(pipeline as (typeof pipelineNames)[number])
    if (point === 'cut') tally.cut(index)
    if (point === 'after-commit') {
      if (tally.commits === 0) tell('committed')
      tally.acknowledged(index)
    }
    reached(point, pipeline)
  },
})
app.failed.catch(error => {
  tell('failed', (error as Error).stack)
})
const stop = async () => {
  await app.stop()
  process.disconnect?.()
  process.exit(0)
}
process.on('SIGTERM', () => void stop())
process.on('message', () => process.send?.({ type: 'health', health: app.health() }))
// Nobody is left to kill it.
process.on('disconnect', () => process.exit(1))
await app.start(
  killPipelines(index => tally.processed(index)).map(pipeline => ({ pipeline, url: undefined })),
)
tell('started')
// A killed process would not write it.
flushCompileCache()
