import type { HoppingWindow } from './hopping.ts'
import type { TumblingWindow } from './tumbling.ts'

/** Every kind of window there is. */
export type WindowSpec = TumblingWindow | HoppingWindow

/** How far apart two windows begin. */
export function advanceOf(spec: WindowSpec): number {
  return spec.kind === 'hopping' ? spec.advanceMs : spec.sizeMs
}

/** The start, inclusive, of the latest window that holds `timestamp` (whole ms; negative ones lie before the epoch). */
export function windowStart(timestamp: number, spec: WindowSpec): number {
  // Division, because the remainder of two doubles costs twice as much. Exact: a quotient of safe integers lies at
  // least 1/advance below the next whole number, which is more than it can be rounded by.
  const { offsetMs } = spec
  const advanceMs = advanceOf(spec)
  return Math.floor((timestamp - offsetMs) / advanceMs) * advanceMs + offsetMs
}

/** The starts of all windows that hold `timestamp`, latest first. */
export function windowStarts(timestamp: number, spec: WindowSpec): number[] {
  const starts: number[] = []
  const advanceMs = advanceOf(spec)
  for (let start = windowStart(timestamp, spec); start > timestamp - spec.sizeMs; start -= advanceMs)
    starts.push(start)
  return starts
}

/** The end, exclusive, of the window that begins at `start`. */
export function windowEnd(start: number, spec: WindowSpec): number {
  return start + spec.sizeMs
}

/** The window closes as soon as the watermark reaches this: its end and the grace after it (SEMANTICS 3.2). */
export function closeTime(start: number, spec: WindowSpec): number {
  return start + spec.sizeMs + spec.graceMs
}

/** Whether a record for the window that begins at `start` comes too late for this watermark (SEMANTICS 3.2). */
export function isLate(start: number, spec: WindowSpec, watermark: number): boolean {
  return closeTime(start, spec) <= watermark
}
