import { KeyKind } from '../../serde/serde.ts'
import type { TableStore } from '../../state/table-store.ts'
import type { PendingCall } from './async-step.ts'
import type { CallRecord } from './call-record.ts'

/** A row's key begins with the number of its call. */
const numberBytes = 8
/** Where a row keeps the place of its record among the table's objects. */
const recordAt = 0

/** The rows of the records that wait for their results. One is written only when a commit finds its record still waiting. */
export class CallRows {
  readonly #store: TableStore
  readonly #unwritten = new Set<PendingCall>()
  readonly #rows = new Map<PendingCall, number>()
  #key = Buffer.alloc(256)

  constructor(store: TableStore) {
    this.#store = store
  }

  /** Where in a row's key, the bytes `[start, end)`, the record's own key lies. */
  static keyRange(start: number, end: number): readonly [number, number] {
    return [Math.min(start + numberBytes, end), end]
  }

  get hasChanges(): boolean {
    return this.#unwritten.size > 0 || this.#store.hasChanges
  }

  added(call: PendingCall): void {
    this.#unwritten.add(call)
  }

  removed(call: PendingCall): void {
    this.#unwritten.delete(call)
    const row = this.#rows.get(call)
    if (row === undefined) return
    this.#store.table.remove(row)
    this.#rows.delete(call)
  }

  /** Before a cut: what waits since the last one gets its row. */
  write(): void {
    const { table } = this.#store
    if (this.#unwritten.size > 0) this.#store.acceptKeyKind(KeyKind.bytes)
    for (const call of this.#unwritten) {
      // A long key takes another buffer.
      const end = this.#takeKey(call)
      const row = table.upsert(this.#key, 0, end)
      table.objects[table.f64[row + recordAt]!] = call.record
      table.touch(row)
      this.#rows.set(call, row)
    }
    this.#unwritten.clear()
  }

  /** Takes every record of a restored store up again, in order. */
  restored(add: (number: number, record: CallRecord) => PendingCall): void {
    this.#store.finishRestore()
    const { table } = this.#store
    this.#rows.clear()
    const found: { readonly number: number; readonly row: number; readonly record: CallRecord }[] = []
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
      const start = table.keyStart(row)
      const record = table.objects[table.f64[row + recordAt]!] as CallRecord
      const number = Number(table.keyBytes.readBigUInt64BE(start))
      const key = record.key && Buffer.from(table.keyBytes.subarray(start + numberBytes, table.keyEnd(row)))
      found.push({ number, row, record: { ...record, key } })
    }
    found.sort((a, b) => a.number - b.number)
    for (const { number, row, record } of found) this.#rows.set(add(number, record), row)
  }

  /** Gives the end of the key. */
  #takeKey({ number, record: { key } }: PendingCall): number {
    const end = numberBytes + (key?.length ?? 0)
    if (this.#key.length < end) this.#key = Buffer.alloc(2 * end)
    this.#key.writeBigUInt64BE(BigInt(number), 0)
    key?.copy(this.#key, numberBytes)
    return end
  }
}
