import { canonicalText } from './bytes.ts'
import type { ObservedRecord } from './observed-run.ts'
import type { ExpectedRecord } from './types.ts'

/**
 * Records that stateless steps carried from one source partition to one output partition keep their order.
 * A record that occurs twice could stand for either place, so only unique ones are looked at.
 */
export function differencesInOrder(
  actual: readonly ObservedRecord[],
  expected: readonly ExpectedRecord[],
): string[] {
  const placeOf = new Map<string, { lane: string; at: number } | 'ambiguous'>()
  for (const [at, record] of expected.entries()) {
    const text = identity(record)
    const place = record.lane === undefined ? 'ambiguous' : { lane: record.lane, at }
    placeOf.set(text, placeOf.has(text) ? 'ambiguous' : place)
  }
  const lastOf = new Map<string, { at: number; text: string }>()
  const differences: string[] = []
  for (const record of actual) {
    const text = identity(record)
    const place = placeOf.get(text)
    if (place === undefined || place === 'ambiguous') continue
    const lane = `${record.partition} ${place.lane}`
    const last = lastOf.get(lane)
    if (last !== undefined && last.at > place.at)
      differences.push(`out of order in partition ${record.partition}: ${text} came behind ${last.text}`)
    lastOf.set(lane, { at: place.at, text })
  }
  return differences
}

function identity({ key, value, timestamp }: ObservedRecord | ExpectedRecord): string {
  return canonicalText({ key, timestamp, value })
}
