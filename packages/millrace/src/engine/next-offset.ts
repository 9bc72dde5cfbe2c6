import { batchInfo } from '../record/batch.ts'

/** The offset behind a batch, also after compaction. */
export function nextOffset(batch: Uint8Array): number {
  const { baseOffset, lastOffset } = batchInfo(batch, 0)
  return Math.max(baseOffset, lastOffset) + 1
}
