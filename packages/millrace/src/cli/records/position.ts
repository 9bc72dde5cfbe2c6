import type { Log } from '../../log/log.ts'
import { toMs } from '../../std/duration.ts'
import { usageError } from '../cli-error.ts'

/** A place in a topic as the user wrote it. */
export type Place =
  | { readonly kind: 'earliest' | 'latest' }
  | { readonly kind: 'offset'; readonly offset: number }
  /** So many records before the end. */
  | { readonly kind: 'back'; readonly records: number }
  | { readonly kind: 'time'; readonly ms: number }

export const placeHelp =
  "earliest, latest, an offset, -n (n before the end), a date, or '10m' (ten minutes ago)"

/** Reads a place; throws `CliError` naming `flag`. */
export function parsePlace(text: string, flag: string, nowMs: number): Place {
  if (text === 'earliest' || text === 'latest') return { kind: text }
  if (/^\d{1,15}$/.test(text)) return { kind: 'offset', offset: Number(text) }
  if (/^-\d{1,15}$/.test(text)) return { kind: 'back', records: -Number(text) }
  if (/^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/.test(text))
    return { kind: 'time', ms: nowMs - toMs(text as '1s', flag) }
  const ms = Date.parse(text)
  if (/^\d{4}-\d\d/.test(text) && !Number.isNaN(ms)) return { kind: 'time', ms }
  throw usageError(`${flag} is '${text}'`, placeHelp)
}

/** The offset of a place in one partition, never outside of it. */
export async function offsetOf(
  log: Log,
  topic: string,
  bounds: { readonly partition: number; readonly earliest: number; readonly latest: number },
  place: Place,
): Promise<number> {
  const { partition, earliest, latest } = bounds
  const within = (offset: number) => Math.min(Math.max(offset, earliest), latest)
  switch (place.kind) {
    case 'earliest':
      return earliest
    case 'latest':
      return latest
    case 'offset':
      return within(place.offset)
    case 'back':
      return within(latest - place.records)
    case 'time':
      return within(await log.offsetForTime(topic, partition, place.ms))
  }
}
