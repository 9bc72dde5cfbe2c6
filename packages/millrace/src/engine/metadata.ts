import type { ChannelState } from './time.ts'

/**
 * What a commit keeps beside an input's position (SEMANTICS 2.1): the state of the input's channels and,
 * with the task's first input, the task's own.
 *
 *   version u8 · channel count u16 · per channel: name (u16 length, UTF-8) · largest time f64 · watermark f64 · released u8
 *   has task u8 · task watermark f64 · settled f64 · commit counter f64 · tick count u8 · per tick: watermark f64, wall time f64
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

const version = 1

export function encodeMetadata(metadata: InputMetadata): Uint8Array {
  const names = metadata.channels.map(channel => Buffer.from(channel.name))
  const size =
    3 +
    names.reduce((sum, name) => sum + 2 + name.length + 17, 0) +
    1 +
    25 +
    (metadata.task?.ticks.length ?? 0) * 16
  const bytes = Buffer.alloc(size)
  let at = bytes.writeUInt8(version, 0)
  at = bytes.writeUInt16BE(names.length, at)
  metadata.channels.forEach((channel, i) => {
    at = bytes.writeUInt16BE(names[i]!.length, at)
    at += names[i]!.copy(bytes, at)
    at = bytes.writeDoubleBE(channel.maxTime, at)
    at = bytes.writeDoubleBE(channel.watermark, at)
    at = bytes.writeUInt8(channel.released ? 1 : 0, at)
  })
  at = bytes.writeUInt8(metadata.task ? 1 : 0, at)
  if (!metadata.task) return bytes.subarray(0, at)
  at = bytes.writeDoubleBE(metadata.task.watermark, at)
  at = bytes.writeDoubleBE(metadata.task.settled, at)
  at = bytes.writeDoubleBE(metadata.task.commits, at)
  at = bytes.writeUInt8(metadata.task.ticks.length, at)
  for (const { watermark, atMs } of metadata.task.ticks)
    at = bytes.writeDoubleBE(atMs, bytes.writeDoubleBE(watermark, at))
  return bytes.subarray(0, at)
}

/** Empty bytes (a position that was set by hand) give no channels. Throws on another version. */
export function decodeMetadata(encoded: Uint8Array): InputMetadata {
  if (encoded.length === 0) return { channels: [] }
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length)
  if (bytes[0] !== version) {
    throw new Error(
      `The committed metadata has version ${bytes[0]}, this Millrace reads ${version}: run the newer Millrace, or reset the pipeline`,
    )
  }
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
