import type { StoredRecord } from './read-partition.ts'

/** A record of a side stream that the pipeline does not wire (SEMANTICS 7.1). */
export interface SideRecord {
  /** Where and why the record went no further. */
  readonly step: string
  readonly reason: string
  readonly error: string
  /** The record of the source that was in work. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** How often the failed call had been tried before. */
  readonly attempt: number
  /** Key and value as text; the bytes are beside them. */
  readonly key: string | null
  readonly value: string | null
  readonly keyBytes: Uint8Array | null
  readonly valueBytes: Uint8Array | null
  readonly timestamp: number
  /** The record's own headers. */
  readonly headers: Readonly<Record<string, string>>
}

const prefix = 'millrace.'

export function sideRecord({ key, value, timestamp, headers }: StoredRecord): SideRecord {
  const said = (name: string) => headers[`${prefix}${name}`] ?? ''
  return {
    step: said('step'),
    reason: said('reason'),
    error: said('error'),
    topic: said('topic'),
    partition: Number(said('partition')),
    offset: Number(said('offset')),
    attempt: Number(said('attempt')),
    key: key?.toString('utf8') ?? null,
    value: value?.toString('utf8') ?? null,
    keyBytes: key,
    valueBytes: value,
    timestamp,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(prefix))),
  }
}
