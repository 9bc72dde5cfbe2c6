import { compileRowWriter } from '../../packages/millrace/src/serde/json/writer.ts'
import { KeyBuffer } from '../../packages/millrace/src/serde/sink.ts'
import { writeStart } from '../../packages/millrace/src/state/changelog-key.ts'
import { KeyTable } from '../../packages/millrace/src/state/key-table.ts'
import { windowMs } from '../data/oracle.ts'
import type { Writers } from './writers.ts'

const seed = 20_260_101
const shape = [
  { name: 'n', from: 'number' },
  { name: 'total', from: 'number' },
  { name: 'key', from: 'text' },
  { name: 'start', from: 'number' },
  { name: 'end', from: 'number' },
] as const

/** The open windows of a partition, counted in key tables: columns 0 and 1 are the number of records and the sum. */
export class Windows {
  start = Number.NaN
  table!: KeyTable
  readonly #open = new Map<number, KeyTable>()
  readonly #pool: KeyTable[] = []
  readonly #rows = compileRowWriter(shape)
  readonly #row = new KeyBuffer()
  readonly #key = Buffer.alloc(256)
  readonly #value = Buffer.alloc(16)

  constructor() {
    this.select(0)
  }

  /** Makes the table of the window that holds `time` the current one. */
  select(time: number): void {
    this.start = time - (time % windowMs)
    const known = this.#open.get(this.start)
    this.table = known ?? this.#pool.pop() ?? new KeyTable({ columns: 2, initial: new Float64Array(2), seed })
    if (known === undefined) this.#open.set(this.start, this.table)
  }

  /** The watermark at which the next window closes. */
  get nextClose(): number {
    return Math.min(...this.#open.keys()) + windowMs
  }

  close(watermark: number, out: Writers): void {
    for (const start of [...this.#open.keys()].sort((a, b) => a - b)) {
      if (start + windowMs > watermark) return
      const table = this.#open.get(start)!
      this.#emit(start, table, out)
      table.clear()
      this.#open.delete(start)
      this.#pool.push(table)
      if (start === this.start) this.start = Number.NaN
    }
  }

  #emit(start: number, table: KeyTable, out: Writers): void {
    const { numbers } = this.#rows
    numbers[3] = start
    numbers[4] = start + windowMs
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
      numbers[0] = table.f64[row]!
      numbers[1] = table.f64[row + 1]!
      const ks = table.keyStart(row)
      const ke = table.keyEnd(row)
      this.#row.clear()
      this.#rows.write(this.#row, table.keyBytes, ks, ke)
      out.keyed(start + windowMs - 1, table.keyBytes, ks, ke, this.#row.buffer, 0, this.#row.position)
    }
  }

  /** Appends what changed since the last time to the changelog. */
  writeChanges(out: Writers, partition: number, wallTimeMs: number): void {
    const key = this.#key
    const value = this.#value
    for (const [start, table] of this.#open) {
      writeStart(key, 0, start)
      for (let n = 0; n < table.dirtyCount; n++) {
        const row = table.dirtyRow(n)
        const ks = table.keyStart(row)
        const ke = table.keyEnd(row)
        table.keyBytes.copy(key, 8, ks, ke)
        value.writeDoubleLE(table.f64[row]!, 0)
        value.writeDoubleLE(table.f64[row + 1]!, 8)
        out.append(partition, wallTimeMs, key, 0, 8 + ke - ks, value, 0, 16)
      }
      table.clearDirty()
    }
  }
}
