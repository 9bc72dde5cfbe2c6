/** A record that a run wrote, its value parsed. */
export interface ObservedRecord {
  readonly partition: number
  readonly key: Uint8Array | null
  readonly value: unknown
  readonly timestamp: number
}

/** An entry of a side stream; what a run does not tell is left out and not compared. */
export interface ObservedSideRecord {
  readonly step?: string
  readonly reason?: string
  readonly topic?: string
  readonly partition?: number
  readonly offset?: number
  readonly key?: Uint8Array | null
  readonly value?: unknown
  readonly timestamp?: number
}

export interface ObservedTableRow {
  readonly key: unknown
  /** The window's start; absent for a table without windows. */
  readonly start?: number
  readonly result: unknown
}

/** What came of a run, to be compared with the model's answer. */
export interface ObservedRun {
  /** By topic, in offset order within each partition. A topic that nothing was written to may be missing. */
  readonly outputs: ReadonlyMap<string, readonly ObservedRecord[]>
  /** By port (`late`, `rejected`, `failed`, `tombstones`); without it side streams are not compared. */
  readonly sideStreams?: ReadonlyMap<string, readonly ObservedSideRecord[]>
  /** By step; without it tables are not compared. */
  readonly tables?: ReadonlyMap<string, readonly ObservedTableRow[]>
}
