import type { ByteSink } from '../../serde/sink.ts'
import { FormatError } from '../format-error.ts'

/** A zero byte and the id of the schema, 4 bytes big-endian; the value follows. */
export const frameBytes = 5

/** The schema id in front of a value, or -1 where there is no frame. */
export function schemaIdAt(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < frameBytes || bytes[start] !== 0) return -1
  return (
    bytes[start + 1]! * 0x1000000 + ((bytes[start + 2]! << 16) | (bytes[start + 3]! << 8) | bytes[start + 4]!)
  )
}

export function noFrame(bytes: Uint8Array, start: number, end: number): FormatError {
  const found = end - start < frameBytes ? `${end - start} bytes` : `a first byte of ${bytes[start]}`
  return new FormatError(
    'frame',
    `It does not begin with a zero byte and the id of a schema, but has ${found}. Was it written without the registry? Then declare the topic without one`,
  )
}

export function writeFrame(id: number, sink: ByteSink): void {
  sink.ensure(frameBytes)
  const { buffer, position } = sink
  buffer[position] = 0
  buffer.writeUInt32BE(id, position + 1)
  sink.position = position + frameBytes
}
