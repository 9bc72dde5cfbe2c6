import type { AggregateNode, Aggregator } from '../../plan/graph.ts'
import type { StreamRecord } from '../../plan/record.ts'
import type { GridWindow } from '../../window/window.ts'
import { canonicalText, kindOfKey } from './bytes.ts'
import { calendarWindowAt } from './calendar.ts'
import { call, fieldOf, recordView, StepFailure } from './callbacks.ts'
import type { FlowRecord } from './types.ts'

export interface Window {
  readonly start: number
  readonly end: number
}

/** The windows that hold a time, latest first: each start is the offset and a multiple of the advance. */
export function windowsAt(spec: GridWindow, timestamp: number): Window[] {
  if (spec.kind === 'calendar') return [calendarWindowAt(spec, timestamp)]
  const advanceMs = spec.kind === 'hopping' ? spec.advanceMs : spec.sizeMs
  const windows: Window[] = []
  const n = Math.floor((timestamp - spec.offsetMs) / advanceMs)
  for (let i = n; i * advanceMs + spec.offsetMs + spec.sizeMs > timestamp; i--) {
    const start = i * advanceMs + spec.offsetMs
    windows.push({ start, end: start + spec.sizeMs })
  }
  return windows
}

/** The state of one key, or of one key and window: the list of what each column has taken. */
export interface Slot {
  readonly record: FlowRecord
  readonly window?: Window
  columns: readonly Column[]
  /** The largest contributing time. */
  timestamp: number
  /** How many records are in it. */
  readonly records: number
  /** Ids of the emissions whose condition has held for its row. */
  readonly held?: ReadonlySet<number>
  /** Its row has gone out and may come again. */
  readonly isTold?: boolean
}

/** All arguments that a column was given, or a custom aggregator's own state. */
type Column = { readonly taken: readonly unknown[] } | { readonly state: unknown }

export function emptyColumns(node: AggregateNode): readonly Column[] {
  return node.columns.map(({ aggregator }) =>
    aggregator.kind === 'custom' ? { state: call(aggregator.init) } : { taken: [] },
  )
}

/** The columns with these records in them, too. Throws `StepFailure` and has then changed nothing. */
export function withRecords(
  node: AggregateNode,
  columns: readonly Column[],
  records: readonly FlowRecord[],
): readonly Column[] {
  const views = records.map(record => [record.value, recordView(record)] as const)
  return node.columns.map(({ aggregator }, i) => {
    const column = columns[i]!
    if (aggregator.kind !== 'custom') {
      const taken = views.flatMap(([value, view]) => argumentsOf(aggregator, value, view))
      return { taken: [...(column as { taken: unknown[] }).taken, ...taken] }
    }
    const before = structuredClone((column as { state: unknown }).state)
    return { state: views.reduce((state, [value, view]) => call(aggregator.add, state, value, view), before) }
  })
}

/** What a record gives to a column: one argument or none. */
function argumentsOf(
  aggregator: Exclude<Aggregator, { kind: 'custom' }>,
  value: unknown,
  record: StreamRecord,
): unknown[] {
  if (aggregator.kind === 'count')
    return aggregator.where === undefined || call(aggregator.where, value, record) ? [1] : []
  const argument = fieldOf(aggregator.field, value, record)
  if (argument === undefined) return []
  switch (aggregator.kind) {
    case 'first':
    case 'last':
    case 'collect':
      return [argument]
    case 'countDistinct':
      return [distinctText(argument)]
    default:
      if (argument === null) return []
      if (typeof argument !== 'number' || Number.isNaN(argument))
        throw new StepFailure('not-a-number', `${aggregator.kind} was given ${canonicalText(argument)}`)
      return [argument]
  }
}

function distinctText(argument: unknown): string {
  if (argument === null) return 'null'
  try {
    return `${kindOfKey(argument)}:${canonicalText(argument)}`
  } catch (cause) {
    throw new StepFailure('error', `countDistinct was given what no key can be: ${cause}`, cause)
  }
}

/** The result of a slot: a row of the columns, or of `reduce` its one column. */
export function resultOf(node: AggregateNode, columns: readonly Column[]): unknown {
  const row = Object.fromEntries(
    node.columns.map(({ name, aggregator }, i) => [name, columnResult(aggregator, columns[i]!)]),
  )
  return node.result === 'row' ? row : row[node.columns[0]!.name]
}

function columnResult(aggregator: Aggregator, column: Column): unknown {
  if (aggregator.kind === 'custom') {
    const state = structuredClone((column as { state: unknown }).state)
    return aggregator.result ? call(aggregator.result, state) : state
  }
  const { taken } = column as { taken: readonly unknown[] }
  const numbers = taken as readonly number[]
  switch (aggregator.kind) {
    case 'count':
      return taken.length
    case 'sum':
      return total(numbers)
    case 'avg':
      return taken.length === 0 ? null : total(numbers) / taken.length
    case 'min':
      return taken.length === 0 ? null : Math.min(...numbers)
    case 'max':
      return taken.length === 0 ? null : Math.max(...numbers)
    case 'first':
      return taken.length === 0 ? null : taken[0]
    case 'last':
      return taken.length === 0 ? null : taken.at(-1)
    case 'collect':
      return taken.slice(0, aggregator.max)
    case 'countDistinct':
      return new Set(taken).size
    case 'quantile':
      return taken.length === 0
        ? null
        : numbers.toSorted((a, b) => a - b)[Math.floor(aggregator.q * (taken.length - 1))]
  }
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, x) => sum + x, 0)
}
