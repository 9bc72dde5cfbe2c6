import { medianOf } from '../../harness/table.ts'
import type { Guarantee } from '../harness/cases.ts'
import { type Figure, rateOf } from '../harness/table.ts'
import type { LatencyRun, Measurement, RestoreRun } from './measures.ts'

/** What was aimed at beside rates, as a Markdown table; undefined where nothing of it was run. */
export function aimsTable(
  figures: readonly Figure[],
  measurements: readonly Measurement[],
): string | undefined {
  const rows = [
    ...measurements.map(each =>
      each.kind === 'latency' ? latencyRow(each.measure, each.runs) : restoreRow(each.runs),
    ),
    ...costRows(figures),
    ...memoryRows(figures),
  ]
  if (rows.length === 0) return undefined
  const lines = [
    ['what', 'guarantee, commits', 'measured', 'to reach'],
    ['---', '---', '---', '---'],
    ...rows,
  ]
  return lines.map(cells => `| ${cells.join(' | ')} |`).join('\n')
}

export function latencyText({ perSecond, p50Ms, p99Ms }: LatencyRun): string {
  return `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms at ${(perSecond / 1e6).toFixed(3)} M records/s`
}

export function restoreText({ records, fixedMs, readyMs, cpuSeconds }: RestoreRun): string {
  const rate = (ms: number) => `${(records / ms / 1e3).toFixed(2)} M records/s`
  return (
    `${rate(readyMs)} (${(records / 1e6).toFixed(2)} M in ${(readyMs / 1e3).toFixed(2)} s from \`start\` to running tasks: ` +
    `${(fixedMs / 1e3).toFixed(2)} s to the first of them, ${rate(readyMs - fixedMs)} from there on; ${cpuSeconds.toFixed(2)} CPU-s)`
  )
}

function latencyRow({ guarantee, commitMs }: Setting, runs: readonly LatencyRun[]): string[] {
  const aim = guarantee === 'exactly-once' ? 150 : 10
  const middle = {
    perSecond: medianOf(runs.map(run => run.perSecond)),
    p50Ms: medianOf(runs.map(run => run.p50Ms)),
    p99Ms: medianOf(runs.map(run => run.p99Ms)),
    results: 0,
  }
  return [
    'latency of W0 at half load, or what was asked for',
    setting({ guarantee, commitMs }),
    latencyText(middle),
    `p99 ≤ ${aim} ms`,
  ]
}

function restoreRow(runs: readonly RestoreRun[]): string[] {
  const byRate = [...runs].sort((a, b) => a.records / a.readyMs - b.records / b.readyMs)
  const middle = byRate[byRate.length >> 1]!
  return [
    'restore of 100k keys from the changelog alone',
    'exactly-once',
    restoreText(middle),
    '≥ 0.5 M records/s',
  ]
}

/** What exactly-once costs of the records per CPU-second that at-least-once makes with a commit each second. */
function costRows(figures: readonly Figure[]): string[][] {
  const millrace = figures.filter(({ program, style }) => program === 'millrace' && style === 'callbacks')
  return millrace.flatMap(figure => {
    const { workload, guarantee, commitMs } = figure
    const base = millrace.find(each => each.workload === workload && each.guarantee === 'at-least-once')
    if (guarantee !== 'exactly-once' || base === undefined) return []
    const costs = figure.runs.flatMap((run, i) =>
      base.runs[i] === undefined ? [] : 1 - rateOf(run) / rateOf(base.runs[i]),
    )
    const cost = `${(100 * medianOf(costs)).toFixed(0)} % (${costs.map(each => (100 * each).toFixed(0)).join(', ')})`
    const what = `cost in ${workload.toUpperCase()} beside at-least-once, 1 s`
    return [[what, setting(figure), cost, `≤ ${commitMs >= 1_000 ? 10 : 25} %`]]
  })
}

function memoryRows(figures: readonly Figure[]): string[][] {
  const counted = figures.filter(
    ({ workload, program, style }) => workload === 'w1' && program === 'millrace' && style === 'callbacks',
  )
  return counted.map(figure => {
    const bytes = medianOf(figure.runs.map(run => run.peakRssBytes))
    return [
      'peak resident memory, W1, 100k keys',
      setting(figure),
      `${(bytes / 1e6).toFixed(0)} MB`,
      '≤ 400 MB',
    ]
  })
}

interface Setting {
  readonly guarantee: Guarantee
  readonly commitMs: number
}

function setting({ guarantee, commitMs }: Setting): string {
  return `${guarantee}, ${commitMs >= 1_000 ? `${commitMs / 1_000} s` : `${commitMs} ms`}`
}
