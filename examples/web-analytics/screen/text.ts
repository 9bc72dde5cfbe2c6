import { styleText } from 'node:util'

export type Color = keyof typeof FORMATS

const FORMATS = {
  people: 'cyan',
  bots: 'magenta',
  peopleBelowBots: ['cyan', 'bgMagenta'],
  good: 'green',
  neutral: 'cyan',
  warning: 'yellow',
  bad: 'red',
  dim: 'dim',
  bold: 'bold',
} satisfies Record<string, Parameters<typeof styleText>[0]>

/** Colours a text, or leaves it alone. */
export type Paint = (color: Color, text: string) => string

export const colored: Paint = (color, text) => styleText(FORMATS[color], text, { validateStream: false })
export const plain: Paint = (_, text) => text

export function number(n: number): string {
  return n.toLocaleString('en-US')
}

export function percent(part: number, whole: number): string {
  return `${whole === 0 ? 0 : Math.round((100 * part) / whole)} %`
}

/** `7.2 MB`; `–` for null. */
export function size(bytes: number | null): string {
  if (bytes === null) return '–'
  if (bytes < 1000) return `${Math.round(bytes)} B`
  const exponent = Math.min(4, Math.floor(Math.log10(bytes) / 3))
  const amount = bytes / 1000 ** exponent
  return `${amount.toFixed(amount < 99.95 ? 1 : 0)} ${['B', 'kB', 'MB', 'GB', 'TB'][exponent]}`
}

/** `Sun 17 May 2015 10:03` in UTC. */
export function dateAndTime(ms: number): string {
  const date = new Date(ms)
  const day = date.toUTCString().slice(0, 16).replace(',', '')
  return `${day} ${date.toISOString().slice(11, 16)}`
}

/** `10:00` in UTC. */
export function clockTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 16)
}

/** Exactly `width` columns, cut with `…` or filled up. */
export function fit(text: string, width: number): string {
  // Control characters of a log line must not reach the terminal.
  const shown = text.replace(/\p{Cc}/gu, '·')
  return shown.length > width ? `${shown.slice(0, Math.max(0, width - 1))}…` : shown.padEnd(width)
}

/** Cells side by side, each as wide as its width says: a negative one is filled up on the left, where figures belong. */
export function cells(texts: readonly string[], widths: readonly number[]): string {
  const cell = (text: string, width: number) => (width < 0 ? text.padStart(-width) : fit(text, width))
  return texts
    .map((text, i) => cell(text, widths[i]!))
    .join('')
    .trimEnd()
}

/** `7 s`, `2 min`; `–` for null. */
export function span(ms: number | null): string {
  if (ms === null) return '–'
  const seconds = Math.round(ms / 1000)
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`
}
