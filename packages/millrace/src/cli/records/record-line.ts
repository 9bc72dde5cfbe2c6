import type { Terminal } from '../terminal.ts'
import type { ShownRecord } from './decode.ts'

/** Shows a record on one line: where and when in the margin, then key, value and headers. */
export function recordLine(terminal: Terminal): (record: ShownRecord) => string {
  const dim = (text: string) => terminal.paintOut('dim', text)
  return ({ partition, offset, timestamp, key, value, headers }) => {
    const time = timestamp < 0 ? '-'.padEnd(24) : new Date(timestamp).toISOString()
    const parts = [dim(`${partition}@${offset}`.padEnd(9)), dim(time)]
    if (key !== null) parts.push(terminal.paintOut('cyan', textOf(key)))
    parts.push(value === null ? dim('null') : textOf(value))
    const shown = Object.entries(headers).map(([name, text]) => `${name}=${text}`)
    if (shown.length > 0) parts.push(dim(shown.join(' ')))
    return parts.join('  ')
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
