import type { PipelineBuilder, Stream, Topic } from 'millrace'
import type { Bid, NexmarkEvent } from './events.ts'

/** One query of Nexmark: as a user of Millrace writes it, and as SQL over the same events. */
export interface Query {
  readonly name: string
  /** What it asks, in a few words. */
  readonly title: string
  /** `each`: every result is a row of the answer. `last per key`: the results are updates, and the last of each key is one. */
  readonly results: 'each' | 'last per key'
  /** The events of all kinds come in, results go to the topic. */
  build(p: PipelineBuilder, events: Topic<NexmarkEvent>, results: Topic<any, any>): void
  /**
   * The answer, over the tables `person`, `auction` and `bid`: their fields, `dateTime` and `expires` as ms since the epoch. Its columns are
   * the members of a result that are compared.
   */
  readonly sql: string
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
