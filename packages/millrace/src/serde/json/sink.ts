import type { WriteBuffer } from './text.ts'
import { writeText } from './text.ts'

/** A growable run of bytes that is written at its end. */
export interface ByteSink {
  /** Replaced when it grows. */
  buffer: Buffer
  /** Where the next byte goes; what lies before it survives growth. */
  position: number
  /** Makes room for this many bytes at `position`. */
  ensure(bytes: number): void
}

/**
 * Appends what `JSON.stringify` gives for the value. False, and nothing is written, where it gives undefined.
 * Throws what it throws (cycles, bigint); nothing is written then.
 */
export function stringifyInto(sink: ByteSink, value: unknown): boolean {
  const text = JSON.stringify(value)
  if (text === undefined) return false
  sink.ensure(text.length * 3)
  sink.position = writeText(sink.buffer as unknown as WriteBuffer, sink.position, text)
  return true
}
