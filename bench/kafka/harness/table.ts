import { medianOf } from '../../harness/table.ts'
import { type Workload, workloads } from '../data/oracle.ts'
import { type Case, isReference } from './cases.ts'
import type { Measured } from './meter.ts'

/** One case over its runs. */
export interface Figure extends Case {
  readonly runs: readonly Measured[]
}

const titles: Record<Workload, string> = {
  w0: 'W0 filter + map + forward',
  w1: 'W1 tumbling 10 s count + sum, 100k keys',
  w2: 'W2 re-key + running count, every update',
  w3: 'W3 left join with a table of 100k keys',
}

const programs: Record<Case['program'], string> = {
  millrace: 'Millrace',
  loop: 'loop by hand, same codec and log',
  'kafka-streams': 'Kafka Streams 4.3',
  flink: 'Flink 2.1',
  quix: 'Quix Streams 3.28',
  raw: 'loop on a plain client, `JSON.parse`',
}

const styles: Record<Case['style'], string> = {
  callbacks: ', callbacks',
  fields: ', names of fields',
  whole: ', callbacks on whole records',
  own: '',
}

export function rateOf({ records, cpuSeconds }: Measured): number {
  return records / cpuSeconds / 1e6
}

/** The figures as a Markdown table; only cases that were run are in it. */
export function figuresTable(figures: readonly Figure[]): string {
  const lines = [
    '| work | program | guarantee, commits | M records per CPU-s | Millrace is | M records/s | broker CPU-s per M | peak RSS |',
    '|---|---|---|---|---|---|---|---|',
  ]
  for (const workload of workloads) {
    const mine = figures.filter(each => each.workload === workload)
    const reference = mine.find(isReference)
    for (const figure of mine) {
      const cells = [
        titles[workload],
        `${programs[figure.program]}${styles[figure.style]}`,
        `${figure.guarantee}, ${figure.commitMs >= 1_000 ? `${figure.commitMs / 1_000} s` : `${figure.commitMs} ms`}`,
        range(figure.runs.map(rateOf)),
        reference === undefined || figure === reference ? '–' : `${ratio(reference, figure)} ×`,
        medianOf(figure.runs.map(run => run.records / run.wallSeconds / 1e6)).toFixed(2),
        medianOf(figure.runs.map(run => (run.brokerCpuSeconds / run.records) * 1e6)).toFixed(2),
        `${(medianOf(figure.runs.map(run => run.peakRssBytes)) / 1e6).toFixed(0)} MB`,
      ]
      lines.push(`| ${cells.join(' | ')} |`)
    }
  }
  return lines.join('\n')
}

function range(rates: readonly number[]): string {
  const digits = medianOf(rates) < 0.1 ? 3 : 2
  const [median, low, high] = [medianOf(rates), Math.min(...rates), Math.max(...rates)].map(rate =>
    rate.toFixed(digits),
  )
  return `**${median}** (${low}–${high})`
}

/** The median of the ratios of runs that stood side by side: what the machine did meanwhile met both. */
function ratio(a: Figure, b: Figure): string {
  const ratios = a.runs.flatMap((run, i) => (b.runs[i] === undefined ? [] : rateOf(run) / rateOf(b.runs[i])))
  return medianOf(ratios).toFixed(2)
}
