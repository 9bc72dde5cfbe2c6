import type { JoinInterval, PipelineBuilder, Stream, Topic } from 'millrace'
import type { Auction, Bid, NexmarkEvent, Person } from './events.ts'

/** One query of Nexmark: as a user of Millrace writes it, and as SQL over the same events. */
export interface Query {
  readonly name: string
  /** What it asks, in a few words. */
  readonly title: string
  /**
   * `each`: every result is a row of the answer. `last per key`: the results are updates, and the last of each key is one. `files`: the
   * rows are the lines of the files in those folders that are marked as whole.
   */
  readonly results: 'each' | 'last per key' | 'files'
  /** True where it goes by the wall clock, which is driven then: it shows `lagMs` more than the second of the events that come. */
  readonly goesByWallClock?: boolean
  /** The events of all kinds come in, results go to the topic, or to files in the folder; `side` holds a table beside the events. */
  build(
    p: PipelineBuilder,
    events: Topic<NexmarkEvent>,
    results: Topic<any, any>,
    side: Topic<SideRow, number>,
    folder: string,
  ): void
  /**
   * The answer, over the tables `person`, `auction` and `bid`: their fields, `dateTime` and `expires` as ms since the epoch. Its columns are
   * the members of a result that are compared.
   */
  readonly sql: string
  /** What this SQL needs beside that of SQLite. */
  readonly functions?: Readonly<Record<string, (...values: unknown[]) => string>>
}

/** A row of the table beside the stream: its key as text. */
export interface SideRow {
  readonly value: string
}

type Source = { readonly outOfOrder: number; readonly idle: 'never' }

/** How far behind the newest event before it an event may lie, in ms. */
const disorderMs = 2_000

const source: Source = { outOfOrder: disorderMs, idle: 'never' }

export function bidsOf(p: PipelineBuilder, events: Topic<NexmarkEvent>): Stream<Bid, unknown> {
  return p
    .from(events, source)
    .filter(e => e.event_type === 2)
    .map(e => e.bid as Bid)
}

export function auctionsOf(p: PipelineBuilder, events: Topic<NexmarkEvent>): Stream<Auction, unknown> {
  return p
    .from(events, source)
    .filter(e => e.event_type === 1)
    .map(e => e.auction as Auction)
}

export function personsOf(p: PipelineBuilder, events: Topic<NexmarkEvent>): Stream<Person, unknown> {
  return p
    .from(events, source)
    .filter(e => e.event_type === 0)
    .map(e => e.person as Person)
}

/** Longer than all events span: everything of a key meets, however far apart. */
export const wholeTime: JoinInterval = { before: '7d', after: '7d' }
