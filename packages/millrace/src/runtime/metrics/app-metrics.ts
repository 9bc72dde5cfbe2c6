import { Exposition } from './exposition.ts'
import { FAMILIES as F } from './families.ts'
import {
  commitOutcomes,
  type MembershipFigures,
  type PipelineFigures,
  type TaskFigures,
  type ThreadFigures,
} from './figures.ts'

/** Everything that is known of an app at one moment. */
export interface AppFigures {
  readonly app: string
  readonly log: string
  readonly isReady: boolean
  readonly nowMs: number
  /** Active time of the thread that runs none of the tasks; undefined where one thread does everything. */
  readonly controlActiveMs: number | undefined
  readonly memberships: readonly MembershipFigures[]
  readonly threads: readonly ThreadFigures[]
}

/** The figures in Prometheus' text format. */
export function appMetrics(figures: AppFigures): string {
  const out = new Exposition()
  const { app, log, isReady, nowMs, controlActiveMs, memberships, threads } = figures
  out.add(F.info, [app, log], 1)
  out.add(F.ready, [], isReady ? 1 : 0)
  for (const { pipeline, rebalances, losses, partitions, barred, held } of memberships) {
    out.add(F.rebalances, [pipeline], rebalances)
    out.add(F.membershipLosses, [pipeline], losses)
    out.add(F.partitions, [pipeline], partitions)
    out.add(F.barred, [pipeline], barred)
    out.add(F.held, [pipeline], held)
  }
  out.add(F.threads, [], threads.length)
  if (controlActiveMs !== undefined) out.add(F.threadActive, [0], controlActiveMs / 1000)
  for (const thread of threads) addThread(out, thread, nowMs)
  addProcess(out, nowMs)
  return out.text
}

function addThread(out: Exposition, figures: ThreadFigures, nowMs: number): void {
  const { thread, activeMs, fetches, pipelines } = figures
  out.add(F.threadActive, [thread], activeMs / 1000)
  out.add(F.fetches, [thread], fetches.count)
  out.add(F.fetchFailures, [thread], fetches.failed)
  out.add(F.fetchBytes, [thread], fetches.bytes)
  out.add(F.fetchSeconds, [thread], fetches.ms / 1000)
  for (const pipeline of pipelines) addPipeline(out, pipeline, thread, nowMs)
}

function addPipeline(out: Exposition, figures: PipelineFigures, thread: number, nowMs: number): void {
  const { pipeline, commits, commitSeconds, restore, tasks } = figures
  const labels = [pipeline, thread]
  for (const outcome of commitOutcomes) out.add(F.commits, [...labels, outcome], commits[outcome])
  out.addHistogram(F.commitSeconds, labels, commitSeconds)
  out.add(F.restoring, labels, restore.isRestoring ? 1 : 0)
  out.add(F.restoredTasks, labels, restore.tasks)
  out.add(F.restoredRecords, labels, restore.records)
  out.add(F.restoreSeconds, labels, restore.ms / 1000)
  for (const { task, step, done, total } of restore.steps) {
    out.add(F.restoreDone, [pipeline, task, step], done)
    out.add(F.restoreLeft, [pipeline, task, step], total - done)
  }
  for (const task of tasks) addTask(out, pipeline, task, nowMs)
}

function addTask(out: Exposition, pipeline: string, figures: TaskFigures, nowMs: number): void {
  const labels = [pipeline, figures.task]
  out.add(F.taskRecords, labels, figures.records)
  out.add(F.taskBytes, labels, figures.bytes)
  out.add(F.taskOutputRecords, labels, figures.outputRecords)
  out.add(F.taskOutputBytes, labels, figures.outputBytes)
  out.add(F.taskChangelogBytes, labels, figures.changelogBytes)
  out.add(F.taskLate, labels, figures.late)
  out.add(F.taskLateByRelease, labels, figures.lateByRelease)
  out.add(F.taskRejected, labels, figures.rejected)
  out.add(F.taskFailed, labels, figures.failed)
  out.add(F.taskParked, labels, figures.isParked ? 1 : 0)
  out.add(F.taskWatermark, labels, figures.watermarkMs / 1000)
  out.add(F.taskBehind, labels, (nowMs - figures.watermarkMs) / 1000)
  for (const { topic, partition, lag, oldestAgeMs, isPaused } of figures.inputs) {
    out.add(F.inputLag, [...labels, topic, partition], lag)
    out.add(F.inputAge, [...labels, topic, partition], oldestAgeMs / 1000)
    out.add(F.inputPaused, [...labels, topic, partition], isPaused ? 1 : 0)
  }
  for (const calls of figures.calls) {
    const place = [...labels, calls.step]
    out.add(F.callsWaiting, place, calls.waiting)
    out.add(F.callsOldest, place, calls.oldestMs / 1000)
    out.add(F.calls, place, calls.made)
    out.add(F.callRetries, place, calls.retries)
    out.add(F.callFailures, place, calls.failures)
  }
  for (const { step, rows, bytes } of figures.steps) {
    out.add(F.stepRows, [...labels, step], rows)
    out.add(F.stepBytes, [...labels, step], bytes)
  }
}

function addProcess(out: Exposition, nowMs: number): void {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  out.add(F.cpu, [], (user + system) / 1e6)
  out.add(F.resident, [], rss)
  out.add(F.startTime, [], Math.round(nowMs / 1000 - process.uptime()))
  out.add(F.heapUsed, [], heapUsed)
  out.add(F.external, [], external)
}
