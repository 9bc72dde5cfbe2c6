import type { HistogramFigures } from '../../std/histogram.ts'
import type { Family } from './families.ts'

/** Values of a family's labels, in its order. */
type LabelValues = readonly (string | number)[]

/** The content type of the text. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** Collects samples and gives them as Prometheus' text format, family by family in the order of their first samples. */
export class Exposition {
  readonly #lines = new Map<Family, string[]>()

  /** A value that is not finite says nothing and is left out. */
  add(family: Family, labels: LabelValues, value: number): void {
    if (Number.isFinite(value)) this.#of(family).push(sample(family.name, family.labels, labels, value))
  }

  addHistogram(family: Family, labels: LabelValues, { bounds, counts, sum }: HistogramFigures): void {
    const lines = this.#of(family)
    const names = [...family.labels, 'le']
    let total = 0
    counts.forEach((count, i) => {
      total += count
      lines.push(sample(`${family.name}_bucket`, names, [...labels, bounds[i] ?? '+Inf'], total))
    })
    lines.push(sample(`${family.name}_sum`, family.labels, labels, sum))
    lines.push(sample(`${family.name}_count`, family.labels, labels, total))
  }

  #of(family: Family): string[] {
    let lines = this.#lines.get(family)
    if (lines === undefined) {
      lines = [`# HELP ${family.name} ${family.help}`, `# TYPE ${family.name} ${family.type}`]
      this.#lines.set(family, lines)
    }
    return lines
  }

  get text(): string {
    return `${[...this.#lines.values()].flat().join('\n')}\n`
  }
}

function sample(name: string, labels: readonly string[], values: LabelValues, value: number): string {
  if (labels.length === 0) return `${name} ${value}`
  const pairs = labels.map((label, i) => `${label}="${escaped(String(values[i]))}"`)
  return `${name}{${pairs.join(',')}} ${value}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
