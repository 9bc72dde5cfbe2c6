import type { OutgoingBatch } from '../../packages/millrace/src/log/log.ts'

/** One partition of a hand-written loop. */
export interface Loop {
  process(batch: Uint8Array): void
  /** The input has ended: what is still open goes out. */
  finish(): void
  /** Everything written since the last cut. */
  cut(wallTimeMs: number): OutgoingBatch[]
}

/** What a hand-written program does with the records of one topic. */
export interface Stage {
  readonly topic: string
  /** Topics it writes. */
  readonly writes: readonly string[]
  /** It is read to its end before other topics are, and nothing of it is committed. */
  readonly isTable?: boolean
  open(partition: number): Loop
}

/** Where a workload reads and writes. */
export interface Topics {
  readonly input: string
  readonly output: string
}

export const rekeyedTopic = 'rekeyed'
export const changelogTopic = 'changes'
