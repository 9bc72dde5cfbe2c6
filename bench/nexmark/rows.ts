import type { Log } from '../../packages/millrace/src/log/log.ts'
import { topicRecords } from '../harness/topic-records.ts'
import { partitions } from './input.ts'

/** A row as one text: the values of these members, in their order. */
export function rowText(row: Readonly<Record<string, unknown>>, fields: readonly string[]): string {
  return JSON.stringify(fields.map(field => row[field] ?? null))
}

/** Rows, each as one text, with how often they are there. */
export function countedRows(
  values: Iterable<Readonly<Record<string, unknown>>>,
  fields: readonly string[],
): Map<string, number> {
  const rows = new Map<string, number>()
  for (const value of values) count(rows, rowText(value, fields))
  return rows
}

/** The rows of a query's answer in its topic, each as one text, with how often they are in it. */
export async function rowsIn(
  log: Log,
  topic: string,
  results: 'each' | 'last per key',
  fields: readonly string[],
): Promise<Map<string, number>> {
  const rows = new Map<string, number>()
  const lastByKey = new Map<string, string | undefined>()
  for await (const { buffer, keyStart, keyEnd, valueStart, valueEnd } of topicRecords(
    log,
    topic,
    partitions,
  )) {
    const text =
      valueStart < 0 ? undefined : rowText(JSON.parse(buffer.toString('utf8', valueStart, valueEnd)), fields)
    if (results === 'last per key') lastByKey.set(buffer.toString('latin1', keyStart, keyEnd), text)
    else if (text !== undefined) count(rows, text)
  }
  for (const text of lastByKey.values()) if (text !== undefined) count(rows, text)
  return rows
}

function count(rows: Map<string, number>, text: string): void {
  rows.set(text, (rows.get(text) ?? 0) + 1)
}

/** What tells two answers apart, a few rows of it; empty when they are equal. */
export function differences(found: Map<string, number>, wanted: Map<string, number>, most = 5): string[] {
  const lines: string[] = []
  for (const [text, times] of wanted) {
    const there = found.get(text) ?? 0
    if (there !== times) lines.push(`${text} is there ${there} times, not ${times}`)
  }
  for (const [text, times] of found)
    if (!wanted.has(text)) lines.push(`${text} is there ${times} times, not 0`)
  return lines.length <= most ? lines : [...lines.slice(0, most), `and ${lines.length - most} more`]
}
