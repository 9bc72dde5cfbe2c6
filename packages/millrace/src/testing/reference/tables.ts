import type { AggregateNode, LookupNode, PlanNode, TableJoinNode, TableNode } from '../../plan/graph.ts'
import { resultOf, type Slot } from './aggregate.ts'
import { canonicalText } from './bytes.ts'
import { call, frozen, recordView, StepFailure } from './callbacks.ts'
import type { StepHost } from './host.ts'
import { bytesOfRecordKey, withResult } from './made-records.ts'
import type { FlowRecord } from './types.ts'

interface TableRow {
  readonly value: unknown
  readonly timestamp: number
}

/** The tables of a task: the latest row of each key, and what other tables and streams make of them (SEMANTICS 6.2). */
export class Tables {
  readonly #host: StepHost
  /** By key bytes. */
  readonly #rows = new Map<PlanNode, Map<string, TableRow>>()
  readonly #slotOf: (node: AggregateNode, key: string) => Slot | undefined

  /** `slotOf` gives the row of an aggregate, which is a table too. */
  constructor(host: StepHost, slotOf: (node: AggregateNode, key: string) => Slot | undefined) {
    this.#host = host
    this.#slotOf = slotOf
  }

  /** Takes a new row of a key, or null. Does what can fail and gives back what follows. */
  change(node: TableNode, record: FlowRecord): () => void {
    const { selection } = node
    if (selection === undefined || record.value === null) return this.#changed(node, record)
    const selected = call(selection.fn, record.value, recordView(record))
    const value = selection.kind === 'filter' ? (selected ? record.value : null) : selected
    return this.#changed(node, { ...record, value })
  }

  /** Makes the row of a key anew from those that the joined tables have. */
  join(node: TableJoinNode, record: FlowRecord): () => void {
    const rows = node.inputs.map(edge => this.#rowOf(this.#tableOn(edge.from), record))
    const isThere =
      rows.some(row => row !== undefined) &&
      rows.every((row, i) => row !== undefined || !node.sides[i]!.isRequired)
    const values = rows.map(row => frozen(row?.value))
    const named = () => Object.fromEntries(node.sides.map(({ name }, i) => [name!, values[i]]))
    const value = isThere ? call(node.fn, ...(node.sides[0]!.name === undefined ? values : [named()])) : null
    const times = rows.map(row => row?.timestamp ?? Number.NEGATIVE_INFINITY)
    return this.#changed(node, { ...record, value, timestamp: Math.max(record.timestamp, ...times) })
  }

  /** What a record and the row of its key make; undefined where it needs one and there is none. */
  lookUp(node: LookupNode, record: FlowRecord): FlowRecord | undefined {
    if (record.key === null || record.key === undefined)
      throw new StepFailure('no-key', 'the record has no key')
    const row = this.#rowOf(this.#tableOn(node.inputs[1]!.from), record)
    if (row === undefined && node.how === 'inner') return undefined
    const made = call(
      node.fn as (...all: unknown[]) => unknown,
      record.value,
      frozen(row?.value),
      recordView(record),
    )
    return withResult(record, made)
  }

  #changed(node: TableNode | TableJoinNode, record: FlowRecord): () => void {
    const { value, timestamp } = record
    if (value === undefined) throw new StepFailure('error', 'the callback gave undefined')
    return () => {
      const rows = this.#rowsOf(node)
      const key = keyOf(record)
      const before = rows.get(key)
      if (before === undefined && value === null) return
      if (value === null) rows.delete(key)
      else rows.set(key, { value, timestamp })
      const change = { ...record, headers: [], keyWindowStart: undefined, lane: undefined, origin: undefined }
      this.#host.send(node, 'out', change)
      this.#host.send(node, 'changes', { ...change, value: { before: before?.value ?? null, after: value } })
    }
  }

  #rowOf(node: PlanNode, record: FlowRecord): TableRow | undefined {
    if (node.kind !== 'aggregate') return this.#rowsOf(node).get(keyOf(record))
    const slot = this.#slotOf(node, keyOf(record))
    return slot && { value: resultOf(node, slot.columns), timestamp: slot.timestamp }
  }

  /** The changes of an aggregate leave it through an `emit`. */
  #tableOn(from: number): PlanNode {
    const { nodes } = this.#host.graph
    const node = nodes[from]!
    return node.kind === 'emit' ? nodes[node.inputs[0]!.from]! : node
  }

  #rowsOf(node: PlanNode): Map<string, TableRow> {
    if (!this.#rows.has(node)) this.#rows.set(node, new Map())
    return this.#rows.get(node)!
  }
}

function keyOf(record: FlowRecord): string {
  return canonicalText(bytesOfRecordKey(record))
}
