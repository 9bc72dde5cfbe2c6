/** For example `12,345`. */
export function count(n: number): string {
  return Math.round(n).toLocaleString('en-US')
}

/** `1 record`, `12,345 records`. */
export function counted(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`
}

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** For example `1.2 MB`; units of a thousand. A dash where it is not known. */
export function byteSize(bytes: number | undefined): string {
  if (bytes === undefined) return '–'
  let size = bytes
  let unit = 0
  while (size >= 999.5 && unit < BYTE_UNITS.length - 1) {
    size /= 1000
    unit++
  }
  const digits = unit === 0 || size >= 99.5 ? 0 : 1
  return `${size.toFixed(digits)} ${BYTE_UNITS[unit]}`
}

const SPANS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
]

/** A span of time with at most two units: `850 ms`, `4.2 s`, `3m 20s`, `7d`. */
export function span(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`
  const at = SPANS.findIndex(([, unitMs]) => ms >= unitMs)
  const [unit, unitMs] = SPANS[at]!
  const smaller = SPANS[at + 1]
  const whole = Math.floor(ms / unitMs)
  const rest = smaller === undefined ? 0 : Math.floor((ms % unitMs) / smaller[1])
  return rest === 0 ? `${whole}${unit}` : `${whole}${unit} ${rest}${smaller![0]}`
}

/** A column of a table: numbers stand to the right. */
export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Rows under titles, each column as wide as its widest cell; `paintTitle` gets a whole title line. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paintTitle: (text: string) => string = text => text,
): string {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map(row => row[i]!.length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (columns[i]!.align === 'right' ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  return `${[paintTitle(line(columns.map(({ title }) => title))), ...rows.map(line)].join('\n')}\n`
}
