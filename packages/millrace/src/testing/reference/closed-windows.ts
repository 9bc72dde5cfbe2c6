import type { AggregateNode } from '../../plan/graph.ts'
import { isOfEvents } from '../../window/window.ts'
import type { Window } from './aggregate.ts'
import type { FlowRecord } from './types.ts'

/** What the ends of bounded runs have closed before its time (SEMANTICS 3.5): it stays closed. */
export class ClosedWindows {
  readonly #below = new Map<AggregateNode, number>()

  /** Records of windows that start before this are late; where windows lie where the records are, records before it. */
  below(node: AggregateNode): number {
    return this.#below.get(node) ?? Number.NEGATIVE_INFINITY
  }

  closed(node: AggregateNode, { start, end }: Window): void {
    const window = node.window!
    if (!isOfEvents(window)) return this.#raise(node, start + 1)
    if (window.kind === 'sliding') return this.#raise(node, end + 1)
    const { gapMs, maxLengthMs = Number.POSITIVE_INFINITY } = window
    this.#raise(node, Math.min(end + gapMs, start + maxLengthMs) + 1)
  }

  /** A record would be in one sliding window with any that is not more than their size before it, and these are gone. */
  closedAround(node: AggregateNode, records: readonly FlowRecord[]): void {
    const { window } = node
    if (window?.kind !== 'sliding') return
    for (const { timestamp } of records) this.#raise(node, timestamp + window.sizeMs + 2)
  }

  #raise(node: AggregateNode, bound: number): void {
    this.#below.set(node, Math.max(bound, this.below(node)))
  }
}
