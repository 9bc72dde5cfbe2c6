import type { OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'
import { compileProjection, Tag } from '../../packages/millrace/src/serde/json/projection.ts'
import { compileRowWriter } from '../../packages/millrace/src/serde/json/writer.ts'
import { KeyBuffer } from '../../packages/millrace/src/serde/sink.ts'
import { KeyTable } from '../../packages/millrace/src/state/key-table.ts'
import { decoder, type LoopStyle } from './decode.ts'
import { changelogTopic, type Loop, rekeyedTopic, type Stage, type Topics } from './stage.ts'
import { cut, walk } from './w0.ts'
import { Writers } from './writers.ts'

/** What is counted by, and from where to where. */
export interface CountJob<V> extends Topics {
  /** The fields that `key` reads; by names of fields it is the only one. */
  readonly fields: readonly (keyof V & string)[]
  readonly key: (value: V) => string
}

/** Re-keying through a topic, then a running count that gives every change, by hand. */
export function w2Stages<V>(style: LoopStyle, job: CountJob<V>): Stage[] {
  const { input, output, fields } = job
  const rekey = () => (style === 'fields' ? rekeyBytes(fields[0]!) : rekeyObjects(style, job))
  const count = (partition: number) =>
    style === 'parse' ? countInMap(output) : countInTable(output, partition)
  const writes = style === 'parse' ? [output] : [output, changelogTopic]
  return [
    { topic: input, writes: [rekeyedTopic], open: rekey },
    { topic: rekeyedTopic, writes, open: count },
  ]
}

function rekeyBytes(field: string): Loop {
  const projection = compileProjection([field])
  const { ranges, tags } = projection
  return walk(rekeyedTopic, (c, out) => {
    const b = c.buffer
    if (!projection.scan(b, c.valueStart, c.valueEnd) || tags[0] !== Tag.Ascii) throw new Error('odd record')
    out.keyed(c.timestamp, b, ranges[0]!, ranges[1]!, b, c.valueStart, c.valueEnd)
  })
}

function rekeyObjects<V>(style: LoopStyle, { fields, key: keyOf }: CountJob<V>): Loop {
  const decode = decoder<V>(style, fields)
  const key = Buffer.alloc(4096)
  return walk(rekeyedTopic, (c, out) => {
    const b = c.buffer
    const end = key.write(keyOf(decode(b, c.valueStart, c.valueEnd)))
    out.keyed(c.timestamp, key, 0, end, b, c.valueStart, c.valueEnd)
  })
}

function countInTable(output: string, partition: number): Loop {
  const table = new KeyTable({ columns: 1, initial: new Float64Array(1), seed: 20_260_102 })
  const sealed: OutgoingBatch[] = []
  const out = new Writers(output, sealed)
  const changes = new Writers(changelogTopic, sealed)
  const rows = compileRowWriter([{ name: 'n', from: 'number' }])
  const value = new KeyBuffer()
  const stored = Buffer.alloc(8)
  const c = new RecordCursor()
  return {
    process(batch) {
      c.open(batch)
      const b = c.buffer
      while (c.next()) {
        const row = table.upsert(b, c.keyStart, c.keyEnd)
        rows.numbers[0] = ++table.f64[row]!
        table.touch(row)
        value.clear()
        rows.write(value, b, 0, 0)
        out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, value.buffer, 0, value.position)
      }
    },
    finish() {},
    cut(wallTimeMs) {
      for (let n = 0; n < table.dirtyCount; n++) {
        const row = table.dirtyRow(n)
        stored.writeDoubleLE(table.f64[row]!)
        changes.append(
          partition,
          wallTimeMs,
          table.keyBytes,
          table.keyStart(row),
          table.keyEnd(row),
          stored,
          0,
          8,
        )
      }
      table.clearDirty()
      changes.seal()
      return cut(out, sealed)
    },
  }
}

/** The plain program: a Map and `JSON.stringify`. */
function countInMap(output: string): Loop {
  const counts = new Map<string, number>()
  return walk(output, (c, out) => {
    const b = c.buffer
    const key = b.toString('utf8', c.keyStart, c.keyEnd)
    const n = (counts.get(key) ?? 0) + 1
    counts.set(key, n)
    const value = Buffer.from(JSON.stringify({ n }))
    out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, value, 0, value.length)
  })
}
