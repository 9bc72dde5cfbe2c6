import assert from 'node:assert/strict'
import type { AggregateNode } from '../../plan/graph.ts'
import type { KeyTable } from '../../state/key-table.ts'
import { AggregateStep } from '../aggregate-step.ts'
import type { EmittingStep } from '../emitting-step.ts'
import { SessionStep } from '../event-windows/session-step.ts'
import { SlidingStep } from '../event-windows/sliding-step.ts'
import type { Task } from '../task.ts'
import type { EngineRun } from './engine-run.ts'
import type { StoredRecord } from './topics.ts'

/** What came of a run: its output topics, the side streams that nothing is wired to, and the rows of its tables. */
export function observe(run: EngineRun) {
  return {
    ...observeTopics(run),
    tables: new Map(aggregatesOf(run).map(node => [node.name, rowsOf(run, node)])),
  }
}

/** The same of a run that goes on: its tables hold parts of open windows. */
export function observeTopics(run: EngineRun) {
  const sinks = run.graph.nodes.flatMap(node => (node.kind === 'to' ? [node.topic] : []))
  return {
    outputs: new Map(
      sinks.map(topic => [topic.name, run.topics.records(topic.name).map(record => output(record))]),
    ),
    sideStreams: new Map(
      (['failed', 'rejected', 'late'] as const).map(side => [side, run.sideRecords(side).map(sideRecord)]),
    ),
  }
}

function output({ partition, key, value, timestamp }: StoredRecord) {
  return { partition, key, timestamp, value: value === null ? null : JSON.parse(value.toString()) }
}

function sideRecord({ key, timestamp, headers }: StoredRecord) {
  const step = headers['millrace.step']!
  return {
    step: step.startsWith('to(') ? 'to' : step,
    reason: headers['millrace.reason']!,
    topic: headers['millrace.topic']!,
    partition: Number(headers['millrace.partition']),
    offset: Number(headers['millrace.offset']),
    key,
    timestamp,
  }
}

function aggregatesOf(run: EngineRun): AggregateNode[] {
  return run.graph.nodes.filter(node => node.kind === 'aggregate')
}

function rowsOf(run: EngineRun, node: AggregateNode) {
  return [...run.tasks.values()].flatMap(task => {
    const step = task.steps[node.id]
    // Its rows are parts of windows: at the end there must be none.
    if (step instanceof SlidingStep) assert.equal(step.store.size, 0)
    if (step instanceof SessionStep) return [...sessionRows(task, step)]
    return step instanceof AggregateStep ? [...storeRows(task, step)] : []
  })
}

/** The rows of a step's store. */
function* storeRows(task: Task, step: AggregateStep) {
  const { store } = step
  const tables: [number | undefined, typeof step.lastTable & {}][] =
    'starts' in store
      ? store.starts.map(start => [start, store.openTable(start)!])
      : [[undefined, store.table]]
  for (const [start, table] of tables) {
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
      const key = task.readKey(step.kind, table.keyBytes, table.keyStart(row), table.keyEnd(row))
      yield { key, start, result: resultOf(step, table, row) }
    }
  }
}

function* sessionRows(task: Task, step: SessionStep) {
  const { store, table } = step
  for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
    const key = task.readKey(step.kind, table.keyBytes, store.keyStart(row), table.keyEnd(row))
    yield { key, start: store.startOf(row), result: resultOf(step, table, row) }
  }
}

function resultOf({ plan }: EmittingStep, table: KeyTable, row: number): unknown {
  const columns = plan.columns.map(({ name, result }, i) => [
    name,
    result(table.f64, row + plan.offsets[i]!, table.objects),
  ])
  return plan.node.result === 'row' ? Object.fromEntries(columns) : columns[0]![1]
}
