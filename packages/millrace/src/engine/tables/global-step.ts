import type { GlobalTableNode } from '../../plan/graph.ts'
import { encodeKey, type KeySerde } from '../../serde/key.ts'
import { KeyKind } from '../../serde/serde.ts'
import { KeyBuffer } from '../../serde/sink.ts'
import { TableStore } from '../../state/table-store.ts'
import { keyKindFailure } from '../results.ts'
import { tableDefinition } from './table-plan.ts'
import { TableStep, valueAt } from './table-step.ts'

/** A global table in one task. Its topic is read anew at every start, so nothing of it is committed. */
export class GlobalTableStep extends TableStep {
  readonly keySerde: KeySerde<unknown>
  readonly #key = new KeyBuffer(64)
  /** Undefined after a change, until somebody asks. */
  #rows: readonly (readonly [key: unknown, row: unknown])[] | undefined

  constructor(name: string, store: TableStore, keySerde: KeySerde<unknown>) {
    super(name, store)
    this.keySerde = keySerde
  }

  /** The row of a key; undefined where there is none, or no key. Throws where keys of the table are of another kind. */
  rowUnder(key: unknown): unknown {
    if (key === undefined || key === null) return undefined
    if (this.keySerde.kind === KeyKind.serde) {
      const bytes = this.keySerde.serialize(key)
      return this.valueOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length)
    }
    this.#key.clear()
    if (encodeKey(key, this.#key) !== this.keySerde.kind) throw keyKindFailure(this.name)
    return this.valueOf(this.#key.buffer, 0, this.#key.position)
  }

  /** All rows, in the order of their keys' bytes: the order they came in depends on which partition was read first. */
  get rows(): readonly (readonly [key: unknown, row: unknown])[] {
    this.#rows ??= this.#sortedRows()
    return this.#rows
  }

  #sortedRows(): [key: unknown, row: unknown][] {
    const { table, keySerde } = this
    const { keyBytes } = table
    const bytesOf = (row: number) => keyBytes.subarray(table.keyStart(row), table.keyEnd(row))
    const rows: number[] = []
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) rows.push(row)
    return rows
      .sort((a, b) => Buffer.compare(bytesOf(a), bytesOf(b)))
      .map(row => [
        keySerde.deserialize(keyBytes, table.keyStart(row), table.keyEnd(row)),
        table.objects[table.f64[row + valueAt]!],
      ])
  }

  override change(value: unknown, key: Buffer, keyStart: number, keyEnd: number, t: number): boolean {
    const changed = super.change(value, key, keyStart, keyEnd, t)
    this.table.clearDirty()
    this.#rows = undefined
    return changed
  }

  override get hasChanges(): boolean {
    return false
  }
}

/** The step with an empty table. */
export function openGlobalTable({ name, topic }: GlobalTableNode, nextSeed: () => number): GlobalTableStep {
  const store = new TableStore(tableDefinition(name, false, topic.keySerde.id, nextSeed))
  return new GlobalTableStep(name, store, topic.keySerde)
}
