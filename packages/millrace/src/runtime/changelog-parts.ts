import { nextOffset } from '../engine/next-offset.ts'
import type { FetchedPartition, Log, TopicPartition } from '../log/log.ts'

/** Bytes of one answer; while one is worked on, the next one comes. */
const partBytesMax = 4 * 1024 * 1024
const limits = { maxWaitMs: 0, maxBytes: partBytesMax, partitionMaxBytes: partBytesMax, waitForOpen: true }

export interface ChangelogRange {
  readonly log: Log
  readonly changelog: TopicPartition
  readonly from: number
  /** Where it ends; what lies behind may come as well. */
  readonly end: number
  /** Ends waits for the log. */
  readonly signal?: AbortSignal | undefined
}

/** One answer of the log. Its batches are valid until the next one is asked for. */
export interface ChangelogPart {
  readonly batches: readonly Uint8Array[]
  /** Records before it are not wanted. */
  readonly offset: number
}

/** What a changelog partition holds between two offsets, in order. Waits where transactions are open. Throws what the log throws. */
export async function* changelogParts(range: ChangelogRange): AsyncGenerator<ChangelogPart> {
  const { end } = range
  const given = new AbortController()
  const signal = AbortSignal.any([given.signal, ...(range.signal === undefined ? [] : [range.signal])])
  const fetchFrom = (offset: number) => (offset < end ? fetchPart(range, offset, signal) : undefined)
  let offset = range.from
  let coming = fetchFrom(offset)
  try {
    while (coming !== undefined) {
      const fetched = await coming
      const next = behind(fetched, end)
      coming = fetchFrom(next)
      if (fetched.batches.length > 0) yield { batches: fetched.batches, offset }
      fetched.release?.()
      offset = next
    }
  } finally {
    given.abort()
    coming?.then(fetched => fetched.release?.()).catch(() => {})
  }
}

function fetchPart(
  { log, changelog }: ChangelogRange,
  offset: number,
  signal: AbortSignal,
): Promise<FetchedPartition> {
  const fetching = log.fetch([{ ...changelog, offset }], { ...limits, signal }).then(([fetched]) => fetched!)
  // It may fail while the part before it is still worked on.
  fetching.catch(() => {})
  return fetching
}

/** Where to go on behind an answer. */
function behind({ error, batches, offset, logStartOffset }: FetchedPartition, end: number): number {
  // Trimmed meanwhile by the process that had the task before: nothing that an open row needs (SEMANTICS 2.6).
  if (error?.code === 'offset-out-of-range' && logStartOffset > offset) return logStartOffset
  if (error !== undefined) throw error
  // What compaction left may end before the end: an empty answer below the high watermark means just that.
  return batches.length === 0 ? Math.max(end, logStartOffset) : Math.max(offset, nextOffset(batches.at(-1)!))
}
