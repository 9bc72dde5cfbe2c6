import type { AggregateNode } from '../../plan/graph.ts'
import type { CountWindow } from '../../window/count-window.ts'
import type { Slot } from './aggregate.ts'
import { canonicalText } from './bytes.ts'
import { slotOf } from './event-windows.ts'
import { bytesOfRecordKey } from './made-records.ts'
import type { FlowRecord } from './types.ts'

interface Counted {
  readonly slot: Slot
  readonly isFull: boolean
  /** Number of the record that fills it. */
  readonly lastNumber: number
}

/** Windows of so many records: all records of each key are kept, and cut anew with every one. */
export class CountedSteps {
  readonly #records = new Map<AggregateNode, Map<string, readonly FlowRecord[]>>()
  readonly #emit: (node: AggregateNode, slot: Slot, ownWatermark: number) => void

  constructor(emit: (node: AggregateNode, slot: Slot, ownWatermark: number) => void) {
    this.#emit = emit
  }

  /** What a record fills goes out at once. */
  add(node: AggregateNode, window: CountWindow, record: FlowRecord): () => void {
    const key = canonicalText(bytesOfRecordKey(record))
    const records = [...(this.#of(node).get(key) ?? []), record]
    const windows = countedOf(node, window, records)
    return () => {
      this.#of(node).set(key, records)
      for (const { slot, isFull, lastNumber } of windows)
        if (isFull && lastNumber === records.length - 1)
          this.#emit(node, { ...slot, record }, record.ownWatermark)
    }
  }

  /** At the end of the input what is not full goes out where that is asked. */
  close(node: AggregateNode, window: CountWindow, watermark: number): void {
    if (watermark < Number.POSITIVE_INFINITY || window.incomplete === 'drop') return
    for (const records of this.#of(node).values())
      for (const { slot, isFull } of countedOf(node, window, records))
        if (!isFull) this.#emit(node, slot, Number.POSITIVE_INFINITY)
    this.#of(node).clear()
  }

  #of(node: AggregateNode): Map<string, readonly FlowRecord[]> {
    if (!this.#records.has(node)) this.#records.set(node, new Map())
    return this.#records.get(node)!
  }
}

function countedOf(
  node: AggregateNode,
  { records: size, slide }: CountWindow,
  records: readonly FlowRecord[],
): Counted[] {
  const windows: Counted[] = []
  for (let first = 0; first < records.length; first += slide) {
    const parts = records.slice(first, first + size)
    const times = parts.map(({ timestamp }) => timestamp)
    const window = { start: Math.min(...times), end: Math.max(...times) }
    windows.push({
      slot: { ...slotOf(node, parts), window, timestamp: window.end },
      isFull: parts.length === size,
      lastNumber: first + size - 1,
    })
  }
  return windows
}
