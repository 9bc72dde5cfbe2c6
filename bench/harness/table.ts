import { type Case, places, stylesOf, workloads } from './cases.ts'

/** The figures of one case over its runs. */
export interface Figure extends Case {
  /** Millions of records per CPU-second, run by run. */
  readonly rates: readonly number[]
  readonly median: number
}

export function figureOf(each: Case, rates: readonly number[]): Figure {
  return { ...each, rates, median: medianOf(rates) }
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const titles = {
  w0: 'W0 filter + forward',
  w1: 'W1 tumbling 10 s count + sum, 100k keys',
  minutes: 'tumbling 60 s, count + sum, 2,000 keys',
  hopping: 'hopping 60 s every 1 s, count + sum, 2,000 keys',
  pairs: 'join of two streams ± 0.5 s, 100k keys',
  sessions: 'sessions of 3 s gap, count + sum, 100k keys',
  w2: 'W2 re-key + running count',
  w3: 'W3 join with a table of 100k keys',
}

/** The comparison as a Markdown table. Only cases that were run are in it. */
export function figuresTable(figures: readonly Figure[]): string {
  const lines = [
    '| work | log | written with | Millrace | by hand | ratio | `JSON.parse` loop | ratio |',
    '|---|---|---|---|---|---|---|---|',
  ]
  for (const workload of workloads) {
    for (const where of places) {
      const find = (program: Case['program'], style: Case['style']) =>
        figures.find(
          f => f.workload === workload && f.where === where && f.program === program && f.style === style,
        )
      const parse = find('loop', 'parse')
      for (const style of stylesOf(workload)) {
        const engine = find('millrace', style)
        if (engine === undefined) continue
        const loop = find('loop', style)
        const cells = [
          titles[workload],
          where,
          style,
          range(engine),
          range(loop),
          ratio(engine, loop),
          range(parse),
          ratio(engine, parse),
        ]
        lines.push(`| ${cells.join(' | ')} |`)
      }
    }
  }
  return lines.join('\n')
}

function range(figure: Figure | undefined): string {
  if (figure === undefined) return '–'
  const { rates, median } = figure
  return `**${median.toFixed(2)}** (${Math.min(...rates).toFixed(2)}–${Math.max(...rates).toFixed(2)})`
}

/** The median of the ratios of runs that stood side by side: what the machine did meanwhile met both. */
function ratio(a: Figure | undefined, b: Figure | undefined): string {
  if (a === undefined || b === undefined) return '–'
  const ratios = a.rates.flatMap((rate, i) => (b.rates[i] === undefined ? [] : rate / b.rates[i]))
  return medianOf(ratios).toFixed(2)
}
