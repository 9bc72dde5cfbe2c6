import type { Port } from '../../plan/graph.ts'
import type { RecordHeader } from '../../plan/record.ts'
import type { KeySerde } from '../../serde/key.ts'

/** A record as it stands in a source partition; its offset is its place in the list. */
export interface RawRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers?: readonly RecordHeader[]
}

/** Everything a run reads: per source topic, per partition, the records in offset order. */
export interface ReferenceInput {
  readonly topics: ReadonlyMap<string, readonly (readonly RawRecord[])[]>
  /** The input ends: every watermark goes to +∞ behind the last record (SEMANTICS 3.5). */
  readonly bounded: boolean
  /** Where bounded runs ended before that one: by topic and partition, the offset of each run's end. */
  readonly ends?: ReadonlyMap<string, readonly (readonly number[])[]>
}

/** Where a record came from; results of aggregates have none. */
export interface Origin {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export type SidePort = Exclude<Port, 'out' | `case:${string}`>

/** Why a record is in a side stream. `error`: a callback, a serde or a result broke the rules. */
export type SideReason =
  | 'late'
  | 'tombstone'
  | 'malformed'
  | 'timestamp'
  | 'watermark'
  | 'error'
  | 'no-key'
  | 'key-kind'
  | 'not-a-number'

/** A record on its way through the model. */
export interface FlowRecord {
  readonly key: unknown
  /** Set while the key is one that only this serde of the user's can write. */
  readonly keySerde?: KeySerde<unknown>
  /** Updates of a window are written under the key followed by this start (SEMANTICS 5.8). */
  readonly keyWindowStart?: number
  readonly value: unknown
  readonly timestamp: number
  readonly headers: readonly RecordHeader[]
  readonly origin?: Origin
  /** Records of one lane keep their order: one source partition and one path through the graph. */
  readonly lane?: string
  /**
   * The watermark that the record is judged by, as it enters its task: its source partition's when it was
   * read, rounded and held back by each re-keying since; of a row, the last one before its window closed.
   */
  readonly ownWatermark: number
  /** Of a row or a timer's result, within the task that made it: the event time that task had reached by then. */
  readonly reached?: number
}

/** What one channel of a task brings, in order. */
export type ChannelItem =
  /** `said` is what the source's watermark function gave with it, if there is one. */
  | { readonly kind: 'record'; readonly record: FlowRecord; readonly said?: number }
  | { readonly kind: 'watermark'; readonly watermark: number }
  /** The end of a bounded run that another one follows. */
  | { readonly kind: 'end' }
  | {
      readonly kind: 'side'
      readonly port: SidePort
      readonly reason: SideReason
      readonly record: FlowRecord
    }

export interface ExpectedRecord {
  /** The partition its key belongs to; undefined where SEMANTICS leaves the choice open. */
  readonly partition: number | undefined
  readonly key: Uint8Array | null
  /** As a reader of the topic would parse it; null for a tombstone. */
  readonly value: unknown
  readonly timestamp: number
  readonly origin?: Origin
  readonly lane?: string
  /** The task that wrote it: of an update stream, the last row of each key and task counts. */
  readonly task: string
}

export interface ExpectedSideRecord {
  /** The step's name, the topic of a source, or the kind of a step without a name. */
  readonly step: string
  readonly reason: SideReason
  readonly key: Uint8Array | null
  /** Raw bytes in `rejected`, the value that the step was given elsewhere. */
  readonly value: unknown
  readonly timestamp: number
  readonly origin?: Origin
}

export interface ExpectedTableRow {
  readonly key: unknown
  /** The window's start; absent for a table without windows. */
  readonly start?: number
  readonly result: unknown
}

/** How far a run is bound to the model: 4.1 binds sets of final rows, 4.2 leaves the order between channels open. */
export type Binding =
  /** Exactly these records. */
  | 'exact'
  /** The value of the last record of each key. */
  | 'last-per-key'
  /** The same, of each key and window start. */
  | 'last-per-window'
  /** The input alone does not decide it. */
  | 'open'

/**
 * Columns that are not compared for equality: `any` depends on the order between channels, a number is
 * the relative error that a sketch may have.
 */
export type LooseColumns = ReadonlyMap<string, 'any' | number>

/** What is expected in one place, and how strictly. */
export interface Expected<T> {
  readonly binding: Binding
  readonly loose: LooseColumns
  readonly rows: readonly T[]
}

export interface ReferenceResult {
  /** By topic, of all sinks that write it. */
  readonly outputs: ReadonlyMap<string, Expected<ExpectedRecord>>
  /** Side streams that nothing was wired to, by port. */
  readonly sideStreams: ReadonlyMap<SidePort, Expected<ExpectedSideRecord>>
  /** By step. */
  readonly tables: ReadonlyMap<string, Expected<ExpectedTableRow>>
}
