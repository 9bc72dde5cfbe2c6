/** Copies `from[start, end)` to `to` at `at` in whole words: up to seven bytes behind the range are read, and overwritten. */
export function copyWords(from: DataView, start: number, end: number, to: DataView, at: number): void {
  for (; start < end; start += 8, at += 8) to.setBigInt64(at, from.getBigInt64(start, true), true)
}
