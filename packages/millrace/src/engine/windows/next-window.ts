import type { ClosingWindow } from '../emitting-step.ts'
import type { StepPlan } from '../step-plan.ts'

/** The window of those at `starts` that closes next; the first ones may have gone out already, and take late records only. */
export function nextOnGrid(
  { node, grid, graceMs, reach, untoldAt }: StepPlan,
  starts: readonly number[],
  watermark: number,
): ClosingWindow {
  const windowGraceMs = (node.window as { readonly graceMs: number }).graceMs
  const closesAt = (start: number) => grid!.endOf(start) + windowGraceMs + reach.holdMs
  const start = starts.find(each => closesAt(each) > watermark) ?? starts[0]!
  const end = grid!.endOf(start)
  if (untoldAt < 0) return { start, end, closesAt: closesAt(start) }
  return { start, end, closesAt: closesAt(start), latenessEndsAt: end + graceMs + reach.holdMs }
}
