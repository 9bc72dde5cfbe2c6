/** Longest range that a loop copies faster than a call into the runtime does. */
const LOOP_BYTES_MAX = 48

/** Copies `from[start, end)` to `to` at `at`; the two must not overlap. */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Buffer, at: number): void {
  if (end - start <= LOOP_BYTES_MAX) while (start < end) to[at++] = from[start++]!
  else if (from instanceof Buffer) from.copy(to, at, start, end)
  else to.set(from.subarray(start, end), at)
}
