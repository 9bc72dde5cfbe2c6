import type { OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'
import { compileRowWriter } from '../../packages/millrace/src/serde/json/writer.ts'
import { KeyBuffer } from '../../packages/millrace/src/serde/sink.ts'
import { decoder, type LoopStyle } from './decode.ts'
import type { Loop, Stage, Topics } from './stage.ts'
import { Writers } from './writers.ts'

/** Which records pass, what is read of them, and what becomes of them; without `convert` they pass as they came. */
export interface ForwardJob<V, R> extends Topics {
  readonly fields: readonly (keyof V & string)[]
  readonly isWanted: (value: V) => boolean
  readonly convert?: {
    readonly apply: (value: V) => R
    /** Of the result; all of them are numbers. */
    readonly members: readonly (keyof R & string)[]
  }
}

/** Filter, convert and forward, by hand. */
export function w0Stages<V, R>(style: LoopStyle, job: ForwardJob<V, R>): Stage[] {
  const open = () => {
    if (job.convert !== undefined) return convertLoop(style, job, job.convert)
    return style === 'parse' ? parseLoop(job) : copyLoop(style, job)
  }
  return [{ topic: job.input, writes: [job.output], open }]
}

function copyLoop<V, R>(style: LoopStyle, { fields, isWanted, output }: ForwardJob<V, R>): Loop {
  const decode = decoder<V>(style, fields)
  return walk(output, (c, out) => {
    const b = c.buffer
    if (isWanted(decode(b, c.valueStart, c.valueEnd)))
      out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, b, c.valueStart, c.valueEnd)
  })
}

function parseLoop<V, R>({ isWanted, output }: ForwardJob<V, R>): Loop {
  const decode = decoder<V>('parse', [])
  return walk(output, (c, out) => {
    const b = c.buffer
    const value = decode(b, c.valueStart, c.valueEnd)
    if (!isWanted(value)) return
    const bytes = Buffer.from(JSON.stringify(value))
    out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, bytes, 0, bytes.length)
  })
}

function convertLoop<V, R>(
  style: LoopStyle,
  { fields, isWanted, output }: ForwardJob<V, R>,
  { apply, members }: NonNullable<ForwardJob<V, R>['convert']>,
): Loop {
  const decode = decoder<V>(style, fields)
  const rows = compileRowWriter(members.map(name => ({ name, from: 'number' }) as const))
  const { numbers } = rows
  const value = new KeyBuffer()
  return walk(output, (c, out) => {
    const b = c.buffer
    const v = decode(b, c.valueStart, c.valueEnd)
    if (!isWanted(v)) return
    const row = apply(v)
    for (let i = 0; i < members.length; i++) numbers[i] = row[members[i]!] as number
    value.clear()
    rows.write(value, b, 0, 0)
    out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, value.buffer, 0, value.position)
  })
}

/** A loop that does the same with every record of a batch and has no state of its own. */
export function walk(topic: string, each: (c: RecordCursor, out: Writers) => void): Loop {
  const sealed: OutgoingBatch[] = []
  const out = new Writers(topic, sealed)
  const c = new RecordCursor()
  return {
    process(batch) {
      c.open(batch)
      while (c.next()) each(c, out)
    },
    finish() {},
    cut: () => cut(out, sealed),
  }
}

export function cut(out: Writers, sealed: OutgoingBatch[]): OutgoingBatch[] {
  out.seal()
  return sealed.splice(0)
}
