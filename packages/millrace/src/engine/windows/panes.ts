import type { HoppingWindow } from '../../window/hopping.ts'
import type { Column } from '../aggregates/column.ts'
import type { EmissionPlan, StepPlan } from '../step-plan.ts'

/**
 * The arithmetic of panes. A pane is the time between the starts of two hopping windows; the windows that hold it begin
 * `perWindow - 1` panes before it up to with it. A record that is late for the first `missed` of its windows must count in
 * the others alone, so each pane has a slot for each number of missed windows:
 *
 *   slot = (number of the pane) · stride + missed, with missed < perWindow
 *
 * The slot with missed = perWindow notes which rows of the window that begins with the pane have gone out.
 */
export class Panes {
  readonly perWindow: number
  readonly stride: number
  readonly #window: HoppingWindow

  constructor(window: HoppingWindow) {
    this.#window = window
    this.perWindow = window.sizeMs / window.advanceMs
    this.stride = this.perWindow + 1
  }

  /** Number of the pane, and of the window, that starts there. */
  numberOf(start: number): number {
    return (start - this.#window.offsetMs) / this.#window.advanceMs
  }

  startOf(number: number): number {
    return number * this.#window.advanceMs + this.#window.offsetMs
  }

  slot(pane: number, missed: number): number {
    return pane * this.stride + missed
  }

  paneOf(slot: number): number {
    return Math.floor(slot / this.stride)
  }

  missedOf(slot: number): number {
    return slot - this.paneOf(slot) * this.stride
  }

  /** The slot that notes which rows of a window have gone out. */
  goneSlot(window: number): number {
    return this.slot(window, this.perWindow)
  }

  isGoneSlot(slot: number): boolean {
    return this.missedOf(slot) === this.perWindow
  }

  /** Number of the first window that rows of a slot count in. */
  firstWindowOf(slot: number): number {
    return this.paneOf(slot) - this.perWindow + 1 + this.missedOf(slot)
  }
}

/**
 * The panes of a step whose hopping windows can share rows: the order of the records does not matter to its columns, and
 * nothing is emitted but final rows. A record then changes one row, however many windows hold it.
 */
export function panesOf(
  window: StepPlan['node']['window'],
  columns: readonly Column[],
  emissions: readonly EmissionPlan['node'][],
): Panes | undefined {
  if (window?.kind !== 'hopping') return undefined
  const { sizeMs, advanceMs } = window
  const isShared = sizeMs > advanceMs && sizeMs % advanceMs === 0
  const isFinal = emissions.every(
    ({ emission }) => emission.kind === 'final' && emission.allowedLatenessMs === undefined,
  )
  return isShared && isFinal && columns.every(({ merge }) => merge !== undefined)
    ? new Panes(window)
    : undefined
}
