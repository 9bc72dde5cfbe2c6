import { decodeWhole } from '../../serde/json/projection.ts'
import { type ByteSink, stringifyInto } from '../../serde/json/sink.ts'
import { type WriteBuffer, writeNumber } from '../../serde/json/text.ts'
import { packedTagText } from '../../serde/packed-value.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { MemoryCodec, StoreDefinition } from '../../state/row-codec.ts'
import { storedValue } from '../../state/stored-value.ts'
import { memoryOf } from './join-buffer.ts'
import type { WaitingMemory } from './waiting-memory.ts'

/** What the store of waiting records is made of. A row is the place of its list and the number of the last chunk, where `JoinBuffer` looks for them. */
export function waitingDefinition(
  step: string,
  bucketMs: number,
  keySerde: string,
  nextSeed: () => number,
): StoreDefinition {
  return {
    layout: {
      step,
      kind: 'windows',
      columns: [
        { name: 'waiting', aggregator: 'waiting', doubles: 0, objects: 1, version: 1 },
        { name: '#last', aggregator: '#last', doubles: 1, objects: 0, version: 1 },
      ],
      keySerde,
      window: { kind: 'join', bucketMs },
      version: 1,
    },
    initial: [0],
    objects: [waitingRecords],
    nextSeed,
  }
}

type Stored = readonly [t: number, w: number | null, isDone: 0 | 1, v: unknown]

/** The state of a row is its first entry in the memory beside the table. It is stored as a list of `Stored`. */
const waitingRecords: MemoryCodec<number> = {
  initial: () => 0,
  writeFrom(first: number, table: KeyTable, sink: ByteSink) {
    const memory = memoryOf(table)
    writeByte(sink, openBracket)
    for (let entry = first; entry !== 0; entry = memory.nextOf(entry)) {
      if (entry !== first) writeByte(sink, comma)
      writeEntry(memory, entry, sink)
    }
    writeByte(sink, closeBracket)
  },
  readInto(stored, version, table, before) {
    const memory = memoryOf(table)
    for (let entry = before; entry !== 0; entry = memory.nextOf(entry)) memory.forget(entry)
    let first = 0
    let last = 0
    for (const [t, w, isDone, v] of stored as readonly Stored[]) {
      const value = storedValue.decode(v, version)
      const entry = memory.addValue(t, w ?? Number.NEGATIVE_INFINITY, isDone === 1, value)
      if (first === 0) first = entry
      else memory.link(last, entry)
      last = entry
    }
    return first
  },
}

const openBracket = 91
const closeBracket = 93
const comma = 44
/** Two numbers, and what stands around them. */
const entryBytesMax = 2 * 25 + 8

function writeEntry(memory: WaitingMemory, entry: number, sink: ByteSink): void {
  const length = memory.isText(entry) ? memory.textEnd(entry) - memory.textStart(entry) : 0
  sink.ensure(entryBytesMax + length)
  const u = sink.buffer as unknown as WriteBuffer
  let at = sink.position
  u[at++] = openBracket
  at = writeNumber(u, at, memory.timeOf(entry))
  u[at++] = comma
  // JSON has no infinity, and some records are judged by none.
  at = writeNumber(u, at, memory.watermarkOf(entry))
  u[at++] = comma
  u[at++] = memory.isDone(entry) ? 49 : 48
  u[at++] = comma
  sink.position = at
  if (!memory.isText(entry)) stringifyInto(sink, storedValue.encode(memory.valueOf(entry)))
  else if (!writeAsItIs(memory, entry, sink)) stringifyInto(sink, storedValue.encode(wholeOf(memory, entry)))
  writeByte(sink, closeBracket)
}

/** A text is its own JSON, unless what is read back could be taken for a packed value. */
function writeAsItIs(memory: WaitingMemory, entry: number, sink: ByteSink): boolean {
  const { bytes } = memory
  const [start, end] = [memory.textStart(entry), memory.textEnd(entry)]
  if (memory.mayEscape(entry) && bytes.toString('latin1', start, end).includes(packedTagText)) return false
  sink.position += bytes.copy(sink.buffer, sink.position, start, end)
  return true
}

/** The value of a record as it came. */
export function wholeOf(memory: WaitingMemory, entry: number): unknown {
  return memory.isText(entry)
    ? decodeWhole(memory.bytes, memory.textStart(entry), memory.textEnd(entry))
    : memory.valueOf(entry)
}

function writeByte(sink: ByteSink, byte: number): void {
  sink.ensure(1)
  sink.buffer[sink.position++] = byte
}
