import type { ByteSink } from '../../serde/sink.ts'
import { FormatError } from '../format-error.ts'
import type { MessagePath } from './proto-file.ts'

/** No schema is nested deeper. */
const pathMax = 100

/**
 * Between a frame and a message stands which message of the schema it is: a count and that many indexes, all as zigzag varints;
 * the first message of the file is a single zero.
 */
export function readIndexes(
  bytes: Buffer,
  start: number,
  end: number,
): { readonly path: MessagePath; readonly next: number } {
  let at = start
  const read = () => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= end) break
      const byte = bytes[at++]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new FormatError('malformed', 'It does not say which message of its schema it is')
  }
  const count = read()
  if (count === 0) return { path: [0], next: at }
  if (count < 0 || count > pathMax)
    throw new FormatError('malformed', `It names a message by ${count} indexes`)
  const path = Array.from({ length: count }, read)
  return { path, next: at }
}

export function writeIndexes(path: MessagePath, sink: ByteSink): void {
  const numbers = path.length === 1 && path[0] === 0 ? [0] : [path.length, ...path]
  sink.ensure(5 * numbers.length)
  for (const number of numbers) {
    let rest = number * 2
    for (; rest >= 0x80; rest >>>= 7) sink.buffer[sink.position++] = (rest & 0x7f) | 0x80
    sink.buffer[sink.position++] = rest
  }
}
