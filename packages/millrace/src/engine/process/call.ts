import type { KeyEntries } from '../../state/entries/cell.ts'
import type { EntryChanges } from '../../state/entries/changes.ts'

/** A call of a process step's callback: what its context and its states act upon. One object for all calls of a step. */
export class Call {
  readonly changes: EntryChanges
  /** What lies under the key of the call. Undefined between two calls. */
  entries: KeyEntries | undefined
  /** Event time of the record or timer. */
  time = 0
  /** Up to where event time has come for what is kept for a limited time: the larger one of time and watermark. */
  now = 0

  constructor(changes: EntryChanges) {
    this.changes = changes
  }

  begin(entries: KeyEntries, time: number, watermark: number): void {
    this.entries = entries
    this.time = time
    this.now = Math.max(time, watermark)
  }

  end(): void {
    this.entries = undefined
  }

  /** Throws outside of a call: a state that was kept has no key. */
  get current(): KeyEntries {
    if (this.entries === undefined)
      throw new TypeError('State, timers and context are valid during the call only; keep values instead')
    return this.entries
  }
}
