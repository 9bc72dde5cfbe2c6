import type { OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'
import type { Event } from '../data/events.ts'
import { inputTopic } from '../data/input.ts'
import { outputTopic } from '../engine/pipelines.ts'
import { decoder, type LoopStyle } from './decode.ts'
import type { Loop, Stage } from './stage.ts'
import { Writers } from './writers.ts'

/** Filter and forward, by hand. */
export function w0Stages(style: LoopStyle): Stage[] {
  return [
    {
      topic: inputTopic,
      writes: [outputTopic],
      open: () => (style === 'parse' ? parseLoop() : copyLoop(style)),
    },
  ]
}

const isWanted = (v: Event) => v.device !== 'bot'

function copyLoop(style: LoopStyle): Loop {
  const decode = decoder<Event>(style, ['device'])
  const sealed: OutgoingBatch[] = []
  const out = new Writers(outputTopic, sealed)
  const c = new RecordCursor()
  return {
    process(batch) {
      c.open(batch)
      const b = c.buffer
      while (c.next()) {
        if (!isWanted(decode(b, c.valueStart, c.valueEnd))) continue
        out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, b, c.valueStart, c.valueEnd)
      }
    },
    finish() {},
    cut: () => cut(out, sealed),
  }
}

function parseLoop(): Loop {
  const decode = decoder<Event>('parse', [])
  const sealed: OutgoingBatch[] = []
  const out = new Writers(outputTopic, sealed)
  const c = new RecordCursor()
  return {
    process(batch) {
      c.open(batch)
      const b = c.buffer
      while (c.next()) {
        const value = decode(b, c.valueStart, c.valueEnd)
        if (!isWanted(value)) continue
        const bytes = Buffer.from(JSON.stringify(value))
        out.keyed(c.timestamp, b, c.keyStart, c.keyEnd, bytes, 0, bytes.length)
      }
    },
    finish() {},
    cut: () => cut(out, sealed),
  }
}

export function cut(out: Writers, sealed: OutgoingBatch[]): OutgoingBatch[] {
  out.seal()
  return sealed.splice(0)
}
