import { VarintReader, writeVarlong } from '../record/varint.ts'
import { namesSizeMax, readNames, writeNames } from './channel-names.ts'
import type { ChannelEnd, ChannelState } from './time.ts'

/**
 * What a commit keeps beside an input's position (SEMANTICS 2.1): the state of the input's channels and,
 * with the task's first input, the task's own. It is written with every commit, and Kafka keeps 3 KiB of text beside a position before a record
 * is needed, so numbers are varints: a channel behind a re-keying takes about four bytes.
 *
 *   version u8 · names (`writeNames`) · per channel: form u8, watermark, largest time, number of the run that ended it
 *   has task u8 · task watermark f64 · settled f64 · commit counter f64 · tick count u8 · per tick: watermark f64, wall time f64
 *
 * The form says of both times whether they are -∞, +∞, a whole number (varlong, less the whole number before it) or anything else
 * (f64), whether the channel is released, and whether it has ended (`ChannelEnd`); the number of the run (f64) stands there where it
 * differs from that of the ended channel before. Version 2 knew no ends: a watermark of +∞ was one. Version 1 is read too: it had
 * names and times one by one. What has no end is written as version 2, which older code reads.
 */
export interface InputMetadata {
  readonly channels: readonly ({ readonly name: string } & ChannelState)[]
  readonly task?: TaskMetadata
}

export interface TaskMetadata {
  readonly watermark: number
  /** Up to where everything due has gone out; below the watermark in the middle of a close (SEMANTICS 3.7). */
  readonly settled: number
  /** Grows with every commit of the task, so that a commit without input progress can be told apart. */
  readonly commits: number
  /** The last tick of each wall-clock emission, in the order of its nodes. */
  readonly ticks: readonly { readonly watermark: number; readonly atMs: number }[]
}

const version = 3
const versionWithoutEnds = 2

const Form = { lowest: 0, highest: 1, whole: 2, other: 3 } as const
const releasedBit = 0b1_0000
const endedBit = 0b10_0000
const forGoodBit = 0b100_0000
const otherRunBit = 0b1000_0000
/** Form, two times and a number in their longest form. */
const channelBytesMax = 1 + 2 * 9 + 8

export function encodeMetadata({ channels, task }: InputMetadata): Uint8Array {
  const names = channels.map(({ name }) => name)
  const ticks = task?.ticks.length ?? 0
  const bytes = draft(1 + namesSizeMax(names) + channels.length * channelBytesMax + 26 + ticks * 16)
  const hasEnds = channels.some(({ end }) => end !== undefined)
  let at = bytes.writeUInt8(hasEnds ? version : versionWithoutEnds, 0)
  at = writeNames(bytes, at, names)
  at = writeChannels(bytes, at, channels)
  at = bytes.writeUInt8(task ? 1 : 0, at)
  if (!task) return copyOf(bytes, at)
  at = bytes.writeDoubleBE(task.watermark, at)
  at = bytes.writeDoubleBE(task.settled, at)
  at = bytes.writeDoubleBE(task.commits, at)
  at = bytes.writeUInt8(ticks, at)
  for (const { watermark, atMs } of task.ticks)
    at = bytes.writeDoubleBE(atMs, bytes.writeDoubleBE(watermark, at))
  return copyOf(bytes, at)
}

let draftMemory = Buffer.allocUnsafeSlow(4_096)

/** Memory to write in, for what takes a fraction of the most that it may take, with every commit. */
function draft(bytesMax: number): Buffer {
  if (bytesMax > draftMemory.length) draftMemory = Buffer.allocUnsafeSlow(bytesMax)
  return draftMemory
}

function copyOf(bytes: Uint8Array, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(0, end))
}

function writeChannels(bytes: Buffer, at: number, channels: InputMetadata['channels']): number {
  let before = 0
  let no = 0
  for (const { watermark, maxTime, released, end } of channels) {
    const times = [watermark, maxTime]
    const [low, high] = times.map(formOf) as [number, number]
    at = bytes.writeUInt8(low | (high << 2) | (released ? releasedBit : 0) | endBits(end, no), at)
    for (const time of times) {
      const form = formOf(time)
      if (form === Form.other) at = bytes.writeDoubleBE(time, at)
      if (form !== Form.whole) continue
      at = writeVarlong(bytes, at, time - before)
      before = time
    }
    if (end === undefined || end.no === no) continue
    no = end.no
    at = bytes.writeDoubleBE(no, at)
  }
  return at
}

function endBits(end: ChannelEnd | undefined, noBefore: number): number {
  if (end === undefined) return 0
  return endedBit | (end.forGood ? forGoodBit : 0) | (end.no === noBefore ? 0 : otherRunBit)
}

function formOf(time: number): number {
  if (time === Number.NEGATIVE_INFINITY) return Form.lowest
  if (time === Number.POSITIVE_INFINITY) return Form.highest
  // Differences of two of these have at most 52 bits.
  return Number.isInteger(time) && !Object.is(time, -0) && Math.abs(time) < 2 ** 51 ? Form.whole : Form.other
}

function readChannels(reader: VarintReader, names: readonly string[]): InputMetadata['channels'] {
  let before = 0
  let no = 0
  return names.map(name => {
    const form = reader.bytes[reader.at++]!
    const [watermark, maxTime] = [form & 3, (form >> 2) & 3].map(each => {
      if (each === Form.lowest) return Number.NEGATIVE_INFINITY
      if (each === Form.highest) return Number.POSITIVE_INFINITY
      if (each === Form.other) return readDouble(reader)
      before += reader.varlong()
      return before
    }) as [number, number]
    const state = { name, maxTime, watermark, released: (form & releasedBit) !== 0 }
    if ((form & endedBit) === 0) return state
    if ((form & otherRunBit) !== 0) no = readDouble(reader)
    return { ...state, end: { no, forGood: (form & forGoodBit) !== 0 } }
  })
}

function readDouble(reader: VarintReader): number {
  const { buffer, byteOffset } = reader.bytes
  const value = new DataView(buffer, byteOffset).getFloat64(reader.at)
  reader.at += 8
  return value
}

/** Empty bytes (a position that was set by hand) give no channels. Throws on another version. */
export function decodeMetadata(encoded: Uint8Array): InputMetadata {
  if (encoded.length === 0) return { channels: [] }
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length)
  if (bytes[0] === 1) return decodeVersion1(bytes)
  if (bytes[0] !== version && bytes[0] !== versionWithoutEnds) {
    throw new Error(
      `The committed metadata has version ${bytes[0]}, this Millrace reads ${version}: run the newer Millrace, or reset the pipeline`,
    )
  }
  const reader = new VarintReader(bytes, 1, bytes.length)
  const names = readNames(reader)
  const channels = readChannels(reader, names)
  return withTask(channels, bytes, reader.at)
}

function decodeVersion1(bytes: Buffer): InputMetadata {
  let at = 1
  const count = bytes.readUInt16BE(at)
  at += 2
  const channels = []
  for (let i = 0; i < count; i++) {
    const nameEnd = at + 2 + bytes.readUInt16BE(at)
    const name = bytes.toString('utf8', at + 2, nameEnd)
    channels.push({
      name,
      maxTime: bytes.readDoubleBE(nameEnd),
      watermark: bytes.readDoubleBE(nameEnd + 8),
      released: bytes[nameEnd + 16] === 1,
    })
    at = nameEnd + 17
  }
  return withTask(channels, bytes, at)
}

function withTask(channels: InputMetadata['channels'], bytes: Buffer, at: number): InputMetadata {
  if (bytes[at] === 0) return { channels }
  const ticks = []
  for (let tick = at + 26; tick < at + 26 + 16 * bytes[at + 25]!; tick += 16) {
    ticks.push({ watermark: bytes.readDoubleBE(tick), atMs: bytes.readDoubleBE(tick + 8) })
  }
  const [watermark, settled, commits] = [1, 9, 17].map(field => bytes.readDoubleBE(at + field)) as [
    number,
    number,
    number,
  ]
  return { channels, task: { watermark, settled, commits, ticks } }
}
