import type { CalendarWindow } from './calendar.ts'
import { CalendarGrid } from './calendar-grid.ts'
import type { CountWindow } from './count-window.ts'
import type { HoppingWindow } from './hopping.ts'
import type { SessionWindow } from './session.ts'
import type { SlidingWindow } from './sliding.ts'
import type { TumblingWindow } from './tumbling.ts'

/** Every kind of window there is. */
export type WindowSpec = GridWindow | EventWindow | CountWindow

/** Windows that lie where the records of a key are. */
export type EventWindow = SessionWindow | SlidingWindow

/** Windows that lie fast: a time alone says which of them hold it. */
export type GridWindow = TumblingWindow | HoppingWindow | CalendarWindow

/** Windows of one length; the others have an arithmetic of their own. */
export type FixedWindow = TumblingWindow | HoppingWindow

export function isFixed(spec: WindowSpec): spec is FixedWindow {
  return spec.kind === 'tumbling' || spec.kind === 'hopping'
}

export function hasGrid(spec: WindowSpec): spec is GridWindow {
  return !isOfEvents(spec) && spec.kind !== 'count'
}

export function isOfEvents(spec: WindowSpec): spec is EventWindow {
  return spec.kind === 'session' || spec.kind === 'sliding'
}

/** Whether each record is of one window, whose row is kept as it goes; else a window's row is put together from parts. */
export function hasRowPerWindow(spec: EventWindow): boolean {
  return spec.kind === 'session' && spec.maxLengthMs === undefined
}

/** How far apart two windows begin. */
export function advanceOf(spec: FixedWindow): number {
  return spec.kind === 'hopping' ? spec.advanceMs : spec.sizeMs
}

/** Where the windows of a kind begin and end. Times are whole ms; negative ones lie before the epoch. */
export interface WindowGrid {
  /** The start, inclusive, of the latest window that holds the time. */
  startOf(timestamp: number): number
  /** The end, exclusive, of the window that begins at `start`. */
  endOf(start: number): number
}

export function windowGrid(spec: GridWindow): WindowGrid {
  return isFixed(spec) ? new FixedGrid(spec) : new CalendarGrid(spec)
}

class FixedGrid implements WindowGrid {
  readonly #advanceMs: number
  readonly #sizeMs: number
  readonly #offsetMs: number

  constructor(spec: FixedWindow) {
    this.#advanceMs = advanceOf(spec)
    this.#sizeMs = spec.sizeMs
    this.#offsetMs = spec.offsetMs
  }

  startOf(timestamp: number): number {
    // Division, because the remainder of two doubles costs twice as much. Exact: a quotient of safe integers lies at
    // least 1/advance below the next whole number, which is more than it can be rounded by.
    return Math.floor((timestamp - this.#offsetMs) / this.#advanceMs) * this.#advanceMs + this.#offsetMs
  }

  endOf(start: number): number {
    return start + this.#sizeMs
  }
}

/** The starts of all windows that hold `timestamp`, latest first. */
export function windowStarts(timestamp: number, spec: GridWindow, grid: WindowGrid): number[] {
  const latest = grid.startOf(timestamp)
  if (spec.kind !== 'hopping') return [latest]
  const starts: number[] = []
  for (let start = latest; start > timestamp - spec.sizeMs; start -= spec.advanceMs) starts.push(start)
  return starts
}
