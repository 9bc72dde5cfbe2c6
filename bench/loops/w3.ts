import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'
import { ObjectWriter } from '../../packages/millrace/src/serde/json/object-writer.ts'
import { KeyBuffer } from '../../packages/millrace/src/serde/sink.ts'
import { KeyTable } from '../../packages/millrace/src/state/key-table.ts'
import { decoder, type LoopStyle } from './decode.ts'
import type { Loop, Stage, Topics } from './stage.ts'
import { walk } from './w0.ts'

/** Which table is looked up, what is read of either side, and what becomes of them. */
export interface LookupJob<V, U> extends Topics {
  readonly table: string
  readonly fields: readonly (keyof V & string)[]
  readonly rowFields: readonly (keyof U & string)[]
  readonly join: (value: V, row: U | undefined) => object
}

/** The left join with a table, by hand. The table is read before anything else, and again after a restart: it has no changelog. */
export function w3Stages<V, U>(style: LoopStyle, job: LookupJob<V, U>): Stage[] {
  const tables = new Map<number, Rows<U>>()
  const rowsOf = (partition: number): Rows<U> => {
    const known = tables.get(partition) ?? (style === 'parse' ? new MapRows<U>() : new TableRows<U>())
    tables.set(partition, known)
    return known
  }
  const fill = (partition: number) => fillLoop(rowsOf(partition), decoder<U>(style, job.rowFields))
  return [
    { topic: job.table, writes: [], isTable: true, open: fill },
    { topic: job.input, writes: [job.output], open: partition => joinLoop(style, job, rowsOf(partition)) },
  ]
}

/** The rows of a partition of the table, under the key of the record that a cursor stands at. */
interface Rows<U> {
  set(c: RecordCursor, row: U): void
  get(c: RecordCursor): U | undefined
}

class TableRows<U> implements Rows<U> {
  readonly #table = new KeyTable({ columns: 1, initial: new Float64Array([-1]), seed: 20_260_103 })
  readonly #rows: U[] = []

  set(c: RecordCursor, row: U): void {
    const at = this.#table.upsert(c.buffer, c.keyStart, c.keyEnd)
    if (this.#table.f64[at]! < 0) this.#table.f64[at] = this.#rows.length
    this.#rows[this.#table.f64[at]!] = row
  }

  get(c: RecordCursor): U | undefined {
    const at = this.#table.find(c.buffer, c.keyStart, c.keyEnd)
    return at === 0 ? undefined : this.#rows[this.#table.f64[at]!]
  }
}

class MapRows<U> implements Rows<U> {
  readonly #rows = new Map<string, U>()

  set(c: RecordCursor, row: U): void {
    this.#rows.set(keyOf(c), row)
  }

  get(c: RecordCursor): U | undefined {
    return this.#rows.get(keyOf(c))
  }
}

function keyOf(c: RecordCursor): string {
  return c.buffer.toString('utf8', c.keyStart, c.keyEnd)
}

function fillLoop<U>(rows: Rows<U>, decode: (b: Buffer, start: number, end: number) => U): Loop {
  const c = new RecordCursor()
  return {
    process(batch) {
      c.open(batch)
      while (c.next()) rows.set(c, decode(c.buffer, c.valueStart, c.valueEnd))
    },
    finish() {},
    cut: () => [],
  }
}

function joinLoop<V, U>(style: LoopStyle, { output, fields, join }: LookupJob<V, U>, rows: Rows<U>): Loop {
  const decode = decoder<V>(style, fields)
  const write = style === 'parse' ? stringify : objectWriter()
  return walk(output, (c, out) => {
    const b = c.buffer
    const bytes = write(join(decode(b, c.valueStart, c.valueEnd), rows.get(c)))
    out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, bytes.buffer, 0, bytes.length)
  })
}

interface Written {
  readonly buffer: Uint8Array
  readonly length: number
}

function stringify(value: object): Written {
  const buffer = Buffer.from(JSON.stringify(value))
  return { buffer, length: buffer.length }
}

function objectWriter(): (value: object) => Written {
  const writer = new ObjectWriter()
  const into = new KeyBuffer()
  return value => {
    into.clear()
    if (!writer.write(into, value)) return stringify(value)
    return { buffer: into.buffer, length: into.position }
  }
}
