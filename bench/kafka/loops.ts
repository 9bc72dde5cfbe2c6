import type { OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'
import { compileRowWriter } from '../../packages/millrace/src/serde/json/writer.ts'
import { KeyBuffer } from '../../packages/millrace/src/serde/sink.ts'
import { decoder } from '../loops/decode.ts'
import type { Loop, Stage, Topics } from '../loops/stage.ts'
import { cut } from '../loops/w0.ts'
import { w1Stages } from '../loops/w1.ts'
import { w2Stages } from '../loops/w2.ts'
import { Writers } from '../loops/writers.ts'
import { type Bid, disorderMs } from './data/bids.ts'
import { rate, type Workload } from './data/oracle.ts'
import type { Converted } from './pipelines.ts'

/** The same work by hand, over the same codec, projection, key table and log. */
export function stagesOf(workload: Workload, style: 'callbacks' | 'fields', topics: Topics): Stage[] {
  if (workload === 'w0') return w0Stages(topics)
  if (workload === 'w1')
    return w1Stages<Bid>(style, { ...topics, field: 'price', amount: v => v.price, disorderMs })
  if (workload === 'w3') throw new Error('W3 is not written by hand')
  return w2Stages<Bid>(style, {
    ...topics,
    fields: ['auction', 'channel'],
    key: v => `${v.channel}|${v.auction}`,
  })
}

const isEven = (v: Bid) => v.price % 2 === 0
const convert = (v: Bid): Converted => ({
  auction: v.auction,
  bidder: v.bidder,
  price: v.price * rate,
  dateTime: v.dateTime,
})

const shape = (['auction', 'bidder', 'price', 'dateTime'] as const).map(
  name => ({ name, from: 'number' }) as const,
)

function w0Stages({ input, output }: Topics): Stage[] {
  return [{ topic: input, writes: [output], open: () => convertLoop(output) }]
}

/** Filter, map and forward, on projected objects. */
function convertLoop(output: string): Loop {
  const decode = decoder<Bid>('callbacks', ['auction', 'bidder', 'dateTime', 'price'])
  const sealed: OutgoingBatch[] = []
  const out = new Writers(output, sealed)
  const rows = compileRowWriter(shape)
  const { numbers } = rows
  const value = new KeyBuffer()
  const c = new RecordCursor()
  return {
    process(batch) {
      c.open(batch)
      const b = c.buffer
      while (c.next()) {
        const v = decode(b, c.valueStart, c.valueEnd)
        if (!isEven(v)) continue
        const row = convert(v)
        numbers[0] = row.auction
        numbers[1] = row.bidder
        numbers[2] = row.price
        numbers[3] = row.dateTime
        value.clear()
        rows.write(value, b, 0, 0)
        out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, value.buffer, 0, value.position)
      }
    },
    finish() {},
    cut: () => cut(out, sealed),
  }
}
