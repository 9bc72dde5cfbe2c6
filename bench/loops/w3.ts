import { PickedRows } from '../../packages/millrace/src/engine/tables/picked-rows.ts'
import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'
import { pickedMembers } from '../../packages/millrace/src/serde/json/picked.ts'
import { compilePickedWriter } from '../../packages/millrace/src/serde/json/picked-writer.ts'
import { compileProjection } from '../../packages/millrace/src/serde/json/projection.ts'
import { KeyTable } from '../../packages/millrace/src/state/key-table.ts'
import { decoder, type LoopStyle } from './decode.ts'
import type { Loop, Stage, Topics } from './stage.ts'
import { walk } from './w0.ts'

/** Which table is looked up, what is read of either side, and what becomes of them. */
export interface LookupJob<V, U> extends Topics {
  readonly table: string
  readonly fields: readonly (keyof V & string)[]
  readonly rowFields: readonly (keyof U & string)[]
  /** Only picks members of the two. */
  readonly join: (value: V, row: U | undefined) => object
}

/** The left join with a table, by hand. The table is read before anything else, and again after a restart: it has no changelog. */
export function w3Stages<V, U>(style: LoopStyle, job: LookupJob<V, U>): Stage[] {
  return style === 'parse' ? parseStages(job) : pickingStages(style, job)
}

function parseStages<V, U>({ table, input, output, join }: LookupJob<V, U>): Stage[] {
  const tables = perPartition(() => new Map<string, U>())
  const decodeRow = decoder<U>('parse', [])
  const decode = decoder<V>('parse', [])
  const keyOf = (c: RecordCursor) => c.buffer.toString('utf8', c.keyStart, c.keyEnd)
  const fill = (partition: number) =>
    fillLoop(c => tables(partition).set(keyOf(c), decodeRow(c.buffer, c.valueStart, c.valueEnd)))
  const loop = (partition: number) =>
    walk(output, (c, out) => {
      const b = c.buffer
      const bytes = stringify(join(decode(b, c.valueStart, c.valueEnd), tables(partition).get(keyOf(c))))
      out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, bytes, 0, bytes.length)
    })
  return [
    { topic: table, writes: [], isTable: true, open: fill },
    { topic: input, writes: [output], open: loop },
  ]
}

function pickingStages<V, U>(style: LoopStyle, job: LookupJob<V, U>): Stage[] {
  const tables = perPartition(() => new TableRows<U>(job))
  const fill = (partition: number) => {
    const decode = decoder<U>(style, job.rowFields)
    return fillLoop(c => tables(partition).set(c, decode(c.buffer, c.valueStart, c.valueEnd)))
  }
  return [
    { topic: job.table, writes: [], isTable: true, open: fill },
    { topic: job.input, writes: [job.output], open: partition => joinLoop(job, tables(partition)) },
  ]
}

function perPartition<T>(make: () => T): (partition: number) => T {
  const made = new Map<number, T>()
  return partition => {
    const known = made.get(partition) ?? make()
    made.set(partition, known)
    return known
  }
}

/** The rows of a partition of the table, found by the key of the record that a cursor stands at, and as the text that the results have of them. */
class TableRows<U> {
  readonly rows: U[] = []
  readonly texts: PickedRows
  readonly #table = new KeyTable({ columns: 1, initial: new Float64Array([-1]), seed: 20_260_103 })

  constructor({ join }: LookupJob<any, U>) {
    this.texts = new PickedRows(pickedMembers(join)!)
  }

  set(c: RecordCursor, row: U): void {
    const at = this.#table.upsert(c.buffer, c.keyStart, c.keyEnd)
    if (this.#table.f64[at]! < 0) this.#table.f64[at] = this.rows.length
    this.rows[this.#table.f64[at]!] = row
    this.texts.forget(this.#table.f64[at]!)
  }

  /** The place of the row, -1 where there is none. */
  readonly find = (c: RecordCursor): number => {
    const at = this.#table.find(c.buffer, c.keyStart, c.keyEnd)
    return at === 0 ? -1 : this.#table.f64[at]!
  }
}

function fillLoop(take: (c: RecordCursor) => void): Loop {
  const c = new RecordCursor()
  return {
    process(batch) {
      c.open(batch)
      while (c.next()) take(c)
    },
    finish() {},
    cut: () => [],
  }
}

function joinLoop<V, U>(
  { output, fields, join }: LookupJob<V, U>,
  { texts, rows, find }: TableRows<U>,
): Loop {
  const projection = compileProjection(fields)
  const write = compilePickedWriter(pickedMembers(join)!, fields, projection)
  return walk(output, (c, out) => {
    const b = c.buffer
    const place = find(c)
    const i = texts.indexOf(place, rows)
    const view = i < 0 ? undefined : projection.viewAt(b, c.valueStart, c.valueEnd)
    const sink = out.begin(c.timestamp, b, c.keyStart, c.keyEnd)
    if (view !== undefined && write(sink, b as never, view, texts, i)) return out.end()
    const bytes = stringify(join(projection.decodeAll(b, c.valueStart, c.valueEnd) as V, rows[place]))
    out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, bytes, 0, bytes.length)
  })
}

function stringify(value: object): Buffer {
  return Buffer.from(JSON.stringify(value))
}
