/** Times as a line of a summary. */
export function quantiles(timesMs: readonly number[], none: string): string {
  const sorted = [...timesMs].sort((a, b) => a - b)
  if (sorted.length === 0) return none
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]! / 1000).toFixed(2)
  return `p50 ${at(0.5)} s, p90 ${at(0.9)} s, p99 ${at(0.99)} s, longest ${at(1)} s (of ${sorted.length})`
}
