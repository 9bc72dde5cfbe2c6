import { canonicalText } from './bytes.ts'
import { differencesInOrder } from './lanes.ts'
import { multisetDifferences, type Row } from './multiset.ts'
import type { ObservedRecord, ObservedRun, ObservedSideRecord, ObservedTableRow } from './observed-run.ts'
import type {
  Expected,
  ExpectedRecord,
  ExpectedSideRecord,
  ExpectedTableRow,
  LooseColumns,
  ReferenceResult,
  SidePort,
} from './types.ts'

/** What of a side record is compared; an engine that names reasons its own way leaves `reason` out. */
export type SideField = 'step' | 'reason' | 'origin' | 'key' | 'value' | 'timestamp'

export interface CompareOptions {
  /** Default: step, key and timestamp. */
  readonly sideFields?: readonly SideField[]
  /** Default: those that go to durable topics when nothing is wired to them (SEMANTICS 7.1). */
  readonly sidePorts?: readonly SidePort[]
}

/**
 * Every difference between a run and the model's answer, as lines to read; empty when the run is right.
 * Two-sided and in length: what is missing, what is too much, and what lost its order.
 */
export function compareRuns(
  actual: ObservedRun,
  expected: ReferenceResult,
  {
    sideFields = ['step', 'key', 'timestamp'],
    sidePorts = ['late', 'rejected', 'failed'],
  }: CompareOptions = {},
): string[] {
  const differences: string[] = []
  for (const [topic, records, place] of paired(actual.outputs, expected.outputs))
    differences.push(...titled(`topic ${topic}`, outputDifferences(records, place)))
  if (actual.sideStreams !== undefined)
    for (const [port, records, place] of paired(actual.sideStreams, expected.sideStreams))
      if (sidePorts.includes(port as SidePort))
        differences.push(...titled(`side stream ${port}`, sideDifferences(records, place, sideFields)))
  if (actual.tables !== undefined)
    for (const [step, rows, place] of paired(actual.tables, expected.tables))
      differences.push(...titled(`table ${step}`, tableDifferences(rows, place)))
  return differences
}

/** Throws an error that lists every difference. */
export function assertSameRun(
  actual: ObservedRun,
  expected: ReferenceResult,
  options?: CompareOptions,
): void {
  const differences = compareRuns(actual, expected, options)
  if (differences.length > 0)
    throw new Error(`the run differs from the reference model:\n${differences.join('\n')}`)
}

/** A place on one side only is compared with nothing on the other. */
function* paired<P extends string, A, E>(
  actual: ReadonlyMap<string, readonly A[]>,
  expected: ReadonlyMap<P, Expected<E>>,
): Iterable<[string, readonly A[], Expected<E>]> {
  for (const name of new Set([...expected.keys(), ...actual.keys()]))
    yield [
      name,
      actual.get(name) ?? [],
      expected.get(name as P) ?? { binding: 'exact', loose: new Map(), rows: [] },
    ]
}

function titled(title: string, lines: readonly string[]): string[] {
  return lines.map(line => `${title}: ${line}`)
}

function outputDifferences(actual: readonly ObservedRecord[], expected: Expected<ExpectedRecord>): string[] {
  if (expected.binding === 'open') return []
  if (expected.binding === 'last-per-key')
    return lastDifferences(actual, expected, ({ key }) => shownKey(key))
  if (expected.binding === 'last-per-window') return lastDifferences(actual, expected, keyAndWindow)
  const wrong = multisetDifferences(
    actual.map(record => outputRow(record, expected.loose)),
    expected.rows.map(record => outputRow(record, expected.loose)),
  )
  if (wrong.length > 0 || expected.loose.size > 0)
    return [...wrong, ...partitionDifferences(actual, expected)]
  return [...partitionDifferences(actual, expected), ...differencesInOrder(actual, expected.rows)]
}

function outputRow({ key, value, timestamp }: ObservedRecord | ExpectedRecord, loose: LooseColumns): Row {
  return row({ key: shownKey(key), timestamp }, value, loose)
}

/** The text that must be equal, and the numbers that must be near. */
function row(rest: object, value: unknown, loose: LooseColumns): Row {
  if (loose.size === 0 || typeof value !== 'object' || value === null)
    return { text: canonicalText({ ...rest, value }), near: [] }
  const columns = Object.entries(value)
  const strict = Object.fromEntries(columns.filter(([name]) => !loose.has(name)))
  const near = columns.flatMap(([name, x]) => {
    const relativeError = loose.get(name)
    return typeof relativeError === 'number' ? [{ name, x, relativeError }] : []
  })
  return { text: canonicalText({ ...rest, value: strict }), near }
}

/** A record belongs to the partition of its key. */
function partitionDifferences(
  actual: readonly ObservedRecord[],
  { rows }: Expected<ExpectedRecord>,
): string[] {
  const partitions = new Map(rows.map(({ key, partition }) => [shownKey(key), partition]))
  return actual.flatMap(({ key, partition }) => {
    const right = partitions.get(shownKey(key))
    if (right === undefined || right === partition) return []
    return [`key ${shownKey(key)} was written to partition ${partition} and belongs to ${right}`]
  })
}

/**
 * The last value of each key must be the last one that some task would have written. A key whose last value is null is one that is
 * not there: whether a session was ever told of that became a part of another depends on the order of the records.
 */
function lastDifferences(
  actual: readonly ObservedRecord[],
  { rows, loose }: Expected<ExpectedRecord>,
  nameOf: (record: ObservedRecord | ExpectedRecord) => string,
): string[] {
  const lastByTask = new Map(rows.map(record => [`${record.task} ${nameOf(record)}`, record]))
  const candidates = Map.groupBy(lastByTask.values(), nameOf)
  const lastActual = new Map(actual.map(record => [nameOf(record), record]))
  const differences: string[] = []
  for (const key of new Set([...candidates.keys(), ...lastActual.keys()])) {
    const found = lastActual.get(key)
    const allowed = candidates.get(key) ?? []
    if (isAbsent(found) && (allowed.length === 0 || allowed.some(isAbsent))) continue
    if (found === undefined && allowed.every(isAbsent)) continue
    if (found === undefined) differences.push(`key ${key} is missing`)
    else if (allowed.length === 0) differences.push(`key ${key} is too much: ${canonicalText(found.value)}`)
    else if (!allowed.some(({ value }) => isSame(row({}, found.value, loose), row({}, value, loose))))
      differences.push(
        `the last value of key ${key} is ${canonicalText(found.value)}, expected ${allowed.map(({ value }) => canonicalText(value)).join(' or ')}`,
      )
  }
  return differences
}

/** The rows of windows that come again have the plain key, and their window in the value. */
function keyAndWindow({ key, value }: ObservedRecord | ExpectedRecord): string {
  return `${shownKey(key)} from ${(value as { start?: number } | null)?.start}`
}

function isAbsent(record: { readonly value: unknown } | undefined): boolean {
  return record !== undefined && record.value === null
}

function isSame(actual: Row, expected: Row): boolean {
  return multisetDifferences([actual], [expected]).length === 0
}

function sideDifferences(
  actual: readonly ObservedSideRecord[],
  expected: Expected<ExpectedSideRecord>,
  fields: readonly SideField[],
): string[] {
  if (expected.binding === 'open') return []
  const picked = (record: object) => {
    const all = { ...record } as Record<SideField, unknown>
    return {
      text: canonicalText(Object.fromEntries(fields.map(field => [field, shownField(field, all[field])]))),
      near: [],
    }
  }
  const withOrigin = actual.map(({ topic, partition, offset, ...rest }) => ({
    ...rest,
    origin: topic === undefined ? undefined : { topic, partition, offset },
  }))
  return multisetDifferences(withOrigin.map(picked), expected.rows.map(picked))
}

function shownField(field: SideField, value: unknown): unknown {
  return field === 'key' ? shownKey(value as Uint8Array | null) : value
}

function tableDifferences(
  actual: readonly ObservedTableRow[],
  expected: Expected<ExpectedTableRow>,
): string[] {
  if (expected.binding === 'open') return []
  const rowOf = ({ key, start, result }: ObservedTableRow) => row({ key, start }, result, expected.loose)
  return multisetDifferences(actual.map(rowOf), expected.rows.map(rowOf))
}

/** Keys are compared as bytes and shown as text where they are text. */
function shownKey(key: Uint8Array | null | undefined): string {
  if (key === null || key === undefined) return 'null'
  const text = Buffer.from(key).toString('utf8')
  const isText = Buffer.from(text, 'utf8').equals(key) && !/\p{Cc}/u.test(text)
  return isText ? JSON.stringify(text) : `0x${Buffer.from(key).toString('hex')}`
}
