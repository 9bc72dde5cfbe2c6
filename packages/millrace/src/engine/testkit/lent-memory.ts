import type { FetchedPartition } from '../../log/log.ts'
import { PADDING_BYTES } from '../../record/layout.ts'

const garbage = 0xee

/** Answers in memory that is overwritten the moment it is given back: whoever still points into it reads garbage. */
export class LentMemory {
  /** Answers with batches that were given out, and that came back. */
  lent = 0
  returned = 0

  lend(fetched: FetchedPartition): FetchedPartition {
    if (fetched.batches.length === 0) return fetched
    const memory = fetched.batches.map(batch => {
      const copy = Buffer.allocUnsafe(batch.length + PADDING_BYTES)
      copy.set(batch)
      return copy
    })
    this.lent++
    const release = () => {
      this.returned++
      for (const each of memory) each.fill(garbage)
    }
    return { ...fetched, batches: memory.map(each => each.subarray(0, -PADDING_BYTES)), release }
  }
}
