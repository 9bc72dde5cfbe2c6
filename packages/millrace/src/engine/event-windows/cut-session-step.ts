import type { SessionStore } from '../../state/session-store.ts'
import type { SessionWindow } from '../../window/session.ts'
import type { Due } from '../closing.ts'
import type { ClosingWindow, WindowFrame } from '../emitting-step.ts'
import type { StepPlan } from '../step-plan.ts'
import type { Task } from '../task.ts'
import { PartsStep, type WindowParts } from './parts-step.ts'

/** A session: its rows, and up to which time a record could still be of it. */
interface Session extends WindowParts {
  readonly start: number
  readonly until: number
}

/**
 * One aggregate in one task over sessions that last no longer than `maxLength`.
 *
 * Where a session is cut depends on where it begins, which an earlier record may still change. So the records of a key stay apart by
 * their times, and make sessions when they are asked for: from the earliest on, each as long as it may be. The earliest is certain once
 * nothing comes any more that would be of it; the rest then begins with the earliest record that is left:
 *
 *      ├──●──●────●──●───┤ until            maxLength from the first record, or the gap behind the last one
 *                          ├──●─────●── …   begins with the next record, however near
 */
export class CutSessionStep extends PartsStep {
  readonly #gapMs: number
  readonly #lengthMsMax: number
  /** The sessions of the probed record's key, by their starts, where updates are told. */
  #before = new Map<number, Session>()
  /** What the one of them had for results that holds the record's time. */
  #resultsBefore: { readonly start: number; readonly results: readonly unknown[] } | undefined

  constructor(task: Task, plan: StepPlan, window: SessionWindow, store: SessionStore) {
    super(task, plan, window.graceMs, store)
    this.#gapMs = window.gapMs
    this.#lengthMsMax = window.maxLengthMs!
  }

  // Updates

  protected override noteBefore(key: Buffer, ks: number, ke: number, t: number): void {
    const sessions = this.#sessionsOf(key, ks, ke)
    this.#before = new Map(sessions.map(session => [session.start, session]))
    const held = sessions.find(({ start, end }) => start <= t && t <= end)
    this.#resultsBefore = held && { start: held.start, results: this.resultsOf(key, ks, ke, held.start) }
  }

  /** Sessions that begin elsewhere now are deleted before the others are told of. */
  protected override tellUpdates(row: number): void {
    const { table, store } = this
    const [ks, ke, t] = [store.keyStart(row), table.keyEnd(row), store.startOf(row)]
    const after = this.#sessionsOf(table.keyBytes, ks, ke)
    const holder = after.find(({ start, end }) => start <= t && t <= end)!
    const starts = new Set(after.map(({ start }) => start))
    const watermark = this.task.ownWatermark
    for (const start of this.#before.keys())
      if (!starts.has(start)) this.tellDeleted(row, start, holder.end, watermark)
    for (const session of after) {
      const isSame = this.#before.get(session.start)?.end === session.end
      if (isSame && (session !== holder || this.#hasSameResults(table.keyBytes, ks, ke, holder))) continue
      this.tellWhole(this.updates, row, session.start, undefined, watermark)
    }
  }

  #hasSameResults(key: Buffer, ks: number, ke: number, { start }: Session): boolean {
    const before = this.#resultsBefore
    if (before?.start !== start) return false
    return this.resultsOf(key, ks, ke, start).every((each, i) => Object.is(each, before.results[i]))
  }

  // Windows

  /** The session that begins with a row. */
  #sessionFrom(first: number): Session {
    const { store } = this
    const start = store.startOf(first)
    const rows = [first]
    let end = start
    for (let row = store.newer(first); row !== 0; row = store.newer(row)) {
      const t = store.startOf(row)
      if (t - end > this.#gapMs || t - start > this.#lengthMsMax) break
      rows.push(row)
      end = t
    }
    return { rows, start, end, until: Math.min(end + this.#gapMs, start + this.#lengthMsMax) }
  }

  #sessionsOf(key: Buffer, ks: number, ke: number): Session[] {
    const { store } = this
    let first = store.newest(key, ks, ke)
    while (first !== 0 && store.older(first) !== 0) first = store.older(first)
    const sessions: Session[] = []
    while (first !== 0) {
      const session = this.#sessionFrom(first)
      sessions.push(session)
      first = store.newer(session.rows.at(-1)!)
    }
    return sessions
  }

  protected override partsOf(key: Buffer, ks: number, ke: number, start: number): WindowParts {
    const row = this.rowAt(key, ks, ke, start)
    return row === 0 ? { rows: [], end: start } : this.#sessionFrom(row)
  }

  override windowsOf(key: Buffer, ks: number, ke: number): readonly WindowFrame[] {
    return this.#sessionsOf(key, ks, ke).map(({ start, end }) => ({ start, end }))
  }

  // Closing

  /**
   * The session that closes first. In the store's queue each key has its earliest row, at a time before which its session does not close;
   * rows behind it come to the top once and leave.
   */
  #next(): Session | undefined {
    const { store } = this
    for (;;) {
      const row = store.earliest()
      if (row === 0) return undefined
      if (store.older(row) !== 0) store.leaveQueue()
      else {
        const session = this.#sessionFrom(row)
        if (session.until <= store.lastOf(row)) return session
        store.extend(row, session.until)
      }
    }
  }

  override nextDue(): Due | undefined {
    const next = this.#next()
    if (next === undefined) return undefined
    const at = this.closeAt(next.until)
    const run = () => this.closeUntil(at, until => this.#closeNext(until))
    return { at, depth: this.plan.depth, name: this.name, run }
  }

  #closeNext(until: number): boolean {
    const next = this.#next()
    if (next === undefined) return false
    const closeAt = this.closeAt(next.until)
    if (closeAt > until) return false
    const { store } = this
    const { rows, start, end } = next
    this.tellWhole(this.finals, rows[0]!, start, end, closeAt - 1)
    const following = store.newer(rows.at(-1)!)
    for (const row of rows) store.remove(row)
    store.closeBelow(next.until + 1)
    if (following !== 0) store.enterQueue(following)
    return true
  }

  override get nextWindow(): ClosingWindow | undefined {
    const next = this.#next()
    return next && this.closing(next.start, next.end, next.until)
  }
}
