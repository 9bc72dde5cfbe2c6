import { batchInfo } from '../../record/batch.ts'
import { CorruptBatchError } from '../../record/errors.ts'
import { AT, LENGTH_OVERHEAD, readInt32 } from '../../record/layout.ts'
import type { AbortedRange } from './fetch-response.ts'
import { emptyBatch, readable } from './recompress.ts'

const ABORT_MARKER = 0
/** Of the widest gap that one empty batch can stand for. */
const OFFSET_DELTA_MAX = 0x7fffffff

/**
 * What a reader of committed data gets of the batches in `bytes[start, end)`: those of aborted transactions and the markers are
 * left out, and an empty batch stands in for each run of them. A last batch that is cut off is left out. Throws `CorruptBatchError`.
 */
export function visibleBatches(
  bytes: Buffer,
  start: number,
  end: number,
  aborted: readonly AbortedRange[],
): Uint8Array[] {
  const ahead = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  const active = new Set<number>()
  const visible: Uint8Array[] = []
  let skipped: { first: number; last: number } | undefined
  const passOver = () => {
    if (skipped !== undefined) visible.push(emptyBatch(skipped.first, skipped.last))
    skipped = undefined
  }
  for (let at = start; end - at > LENGTH_OVERHEAD; ) {
    const next = at + LENGTH_OVERHEAD + readInt32(bytes, at + AT.batchLength)
    if (next > end) break
    if (next <= at) throw new CorruptBatchError('its length field is negative', AT.batchLength)
    const info = batchInfo(bytes, at)
    while (ahead[0] !== undefined && ahead[0].firstOffset <= info.lastOffset)
      active.add(ahead.shift()!.producerId)
    const isAborted = info.isTransactional && active.has(info.producerId)
    if (info.isControl || isAborted) {
      if (info.isControl && markerType(bytes, at) === ABORT_MARKER) active.delete(info.producerId)
      if (skipped !== undefined && info.lastOffset - skipped.first > OFFSET_DELTA_MAX) passOver()
      skipped = { first: skipped?.first ?? info.baseOffset, last: info.lastOffset }
    } else {
      passOver()
      visible.push(readable(bytes.subarray(at, next)))
    }
    at = next
  }
  passOver()
  return visible
}

/** Of a control batch, whose one record has the key (version, type). */
function markerType(bytes: Buffer, at: number): number {
  let key = at + AT.records
  // Length, attributes, timestamp delta, offset delta and key length are varints of one byte or more each.
  for (let fields = 0; fields < 5; fields++) {
    while (bytes[key]! > 127) key++
    key++
  }
  return bytes.readInt16BE(key + 2)
}
