import type { RecordCursor } from '../record/cursor.ts'
import type { ByteSink } from '../serde/json/sink.ts'
import type { Picker } from './decode.ts'
import { LookAhead } from './tables/look-ahead.ts'
import { PickedRows } from './tables/picked-rows.ts'
import type { TableStep } from './tables/table-step.ts'

const noObjects: readonly unknown[] = []

/** Results of a task's steps that pick members, written from the text of the record in work and of its row. */
export class PickedResults {
  /** By step. */
  readonly #rows: (PickedRows | undefined)[] = []
  readonly #ahead = new LookAhead()

  /**
   * Appends the result as JSON; false, having appended nothing, where it has to be made. `place` is that of the row among the objects of the table,
   * -1 where there is none; `result` is what the callback gave, where it computes members.
   */
  write(
    sink: ByteSink,
    picker: Picker,
    { buffer, valueStart, valueEnd }: RecordCursor,
    table: TableStep | undefined,
    place: number,
    result: unknown,
  ): boolean {
    if (valueStart < 0) return false
    const rows = this.#rows[picker.node.id] ?? this.#addRows(picker, table)
    const i = rows.indexOf(place, table === undefined ? noObjects : table.table.objects)
    const view = i < 0 ? undefined : picker.projection.viewAt(buffer, valueStart, valueEnd)
    return view !== undefined && picker.write(sink, buffer as never, view, rows, i, result)
  }

  /** Fetches what the next records will be joined with, and gives the mark of the cursor up to which it has. */
  lookAhead(picker: Picker, cursor: RecordCursor, { table }: TableStep): number {
    const rows = this.#rows[picker.node.id]
    return rows === undefined || table.size === 0 ? cursor.mark + 1 : this.#ahead.at(cursor, table, rows)
  }

  #addRows({ node, members }: Picker, table: TableStep | undefined): PickedRows {
    const rows = new PickedRows(members)
    this.#rows[node.id] = rows
    table?.picked.push(rows)
    return rows
  }
}
