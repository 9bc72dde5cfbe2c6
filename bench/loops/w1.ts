import type { OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'
import { compileProjection, Tag } from '../../packages/millrace/src/serde/json/projection.ts'
import { windowMs } from '../data/oracle.ts'
import { decoder, type LoopStyle } from './decode.ts'
import { changelogTopic, type Loop, type Stage, type Topics } from './stage.ts'
import { cut } from './w0.ts'
import { Windows } from './windows.ts'
import { Writers } from './writers.ts'

/** What is summed, and from where to where. */
export interface SumJob<V> extends Topics {
  readonly field: keyof V & string
  readonly amount: (value: V) => number
  readonly disorderMs: number
}

/** Tumbling count and sum per key, by hand. */
export function w1Stages<V>(style: LoopStyle, job: SumJob<V>): Stage[] {
  const { input, output } = job
  const open = (partition: number): Loop => {
    if (style === 'parse') return parseLoop(job)
    return style === 'fields' ? phasedLoop(job, partition) : tableLoop(style, job, partition)
  }
  return [{ topic: input, writes: style === 'parse' ? [output] : [output, changelogTopic], open }]
}

/** One record after the other, on projected or checked objects. */
function tableLoop<V>(style: LoopStyle, job: SumJob<V>, partition: number): Loop {
  const { amount } = job
  const decode = decoder<V>(style, [job.field])
  const frame = new Frame(job, partition)
  const { windows } = frame
  const c = new RecordCursor()
  return {
    process(batch) {
      c.open(batch)
      const b = c.buffer
      while (c.next()) {
        const v = decode(b, c.valueStart, c.valueEnd)
        const t = c.timestamp
        if (!(t >= windows.start && t < windows.start + windowMs) && !frame.select(t)) continue
        const { table } = windows
        const row = table.upsert(b, c.keyStart, c.keyEnd)
        const { f64 } = table
        f64[row]!++
        f64[row + 1]! += amount(v)
        table.touch(row)
        if (t > frame.newest) frame.raise(t)
      }
    },
    finish: () => frame.finish(),
    cut: wallTimeMs => frame.cut(wallTimeMs),
  }
}

const chunk = 1024

/** Bytes to bytes in phases: ranges and numbers of a chunk, all hashes, all cache lines, then the updates. */
function phasedLoop(job: SumJob<never>, partition: number): Loop {
  const projection = compileProjection([job.field])
  const { numbers, tags } = projection
  const frame = new Frame(job, partition)
  const { windows } = frame
  const c = new RecordCursor()
  const starts = new Int32Array(chunk)
  const ends = new Int32Array(chunk)
  const hashes = new Int32Array(chunk)
  const rows = new Int32Array(chunk)
  const times = new Float64Array(chunk)
  const amounts = new Float64Array(chunk)
  let kept = 0
  return {
    process(batch) {
      c.open(batch)
      const b = c.buffer
      for (;;) {
        let m = 0
        while (m < chunk && c.next()) {
          if (!projection.scan(b, c.valueStart, c.valueEnd) || tags[0] !== Tag.Number)
            throw new Error('odd record')
          starts[m] = c.keyStart
          ends[m] = c.keyEnd
          times[m] = c.timestamp
          amounts[m++] = numbers[0]!
        }
        if (m === 0) break
        windows.table.hashAll(b, starts, ends, m, hashes)
        kept ^= windows.table.prefetch(hashes, m, rows)
        for (let i = 0; i < m; i++) {
          const t = times[i]!
          if (!(t >= windows.start && t < windows.start + windowMs) && !frame.select(t)) continue
          const { table } = windows
          const row = table.upsertHashed(b, starts[i]!, ends[i]!, hashes[i]!)
          const { f64 } = table
          f64[row]!++
          f64[row + 1]! += amounts[i]!
          table.touch(row)
          if (t > frame.newest) frame.raise(t)
        }
      }
    },
    finish: () => frame.finish(),
    cut: wallTimeMs => (kept === 0.5 ? [] : frame.cut(wallTimeMs)),
  }
}

/** What both loops share: event time, output and changelog of a partition. */
class Frame {
  newest = Number.NEGATIVE_INFINITY
  readonly windows = new Windows()
  readonly #partition: number
  readonly #disorderMs: number
  readonly #sealed: OutgoingBatch[] = []
  readonly #out: Writers
  readonly #changes = new Writers(changelogTopic, this.#sealed)
  #nextClose = Number.NEGATIVE_INFINITY

  constructor({ output, disorderMs }: { output: string; disorderMs: number }, partition: number) {
    this.#partition = partition
    this.#disorderMs = disorderMs
    this.#out = new Writers(output, this.#sealed)
  }

  /** False for a record that comes too late. */
  select(t: number): boolean {
    if (t - (t % windowMs) + windowMs <= this.newest - this.#disorderMs) return false
    this.windows.select(t)
    this.#nextClose = this.windows.nextClose
    return true
  }

  raise(t: number): void {
    this.newest = t
    if (t - this.#disorderMs < this.#nextClose) return
    this.#close(t - this.#disorderMs)
  }

  #close(watermark: number): void {
    this.windows.close(watermark, this.#out)
    this.#nextClose = this.windows.nextClose
  }

  finish(): void {
    this.#close(Number.POSITIVE_INFINITY)
  }

  cut(wallTimeMs: number): OutgoingBatch[] {
    this.windows.writeChanges(this.#changes, this.#partition, wallTimeMs)
    this.#changes.seal()
    return cut(this.#out, this.#sealed)
  }
}

/** The plain program: `JSON.parse`, a Map per window, `JSON.stringify`; its state is not kept anywhere. */
function parseLoop<V>({ output, amount, disorderMs }: SumJob<V>): Loop {
  const decode = decoder<V>('parse', [])
  const sealed: OutgoingBatch[] = []
  const out = new Writers(output, sealed)
  const c = new RecordCursor()
  const windows = new Map<number, Map<string, { n: number; total: number }>>()
  let newest = Number.NEGATIVE_INFINITY
  let nextClose = Number.POSITIVE_INFINITY

  const close = (watermark: number) => {
    for (const start of [...windows.keys()].sort((a, b) => a - b)) {
      if (start + windowMs > watermark) break
      const end = start + windowMs
      for (const [key, { n, total }] of windows.get(start)!) {
        const kb = Buffer.from(key)
        const vb = Buffer.from(JSON.stringify({ n, total, key, start, end }))
        out.keyed(end - 1, kb, 0, kb.length, vb, 0, vb.length)
      }
      windows.delete(start)
    }
    nextClose = Math.min(...windows.keys()) + windowMs
  }

  return {
    process(batch) {
      c.open(batch)
      const b = c.buffer
      while (c.next()) {
        const v = decode(b, c.valueStart, c.valueEnd)
        const t = c.timestamp
        const start = t - (t % windowMs)
        if (start + windowMs <= newest - disorderMs) continue
        let window = windows.get(start)
        if (window === undefined) {
          window = new Map()
          windows.set(start, window)
          nextClose = Math.min(nextClose, start + windowMs)
        }
        const key = b.toString('utf8', c.keyStart, c.keyEnd)
        const row = window.get(key)
        if (row === undefined) window.set(key, { n: 1, total: amount(v) })
        else {
          row.n++
          row.total += amount(v)
        }
        if (t > newest) {
          newest = t
          if (t - disorderMs >= nextClose) close(t - disorderMs)
        }
      }
    },
    finish: () => close(Number.POSITIVE_INFINITY),
    cut: () => cut(out, sealed),
  }
}
