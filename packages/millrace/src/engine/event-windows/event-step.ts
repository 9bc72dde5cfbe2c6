import type { KeyKind } from '../../serde/serde.ts'
import { WINDOW_START_BYTES } from '../../state/changelog-key.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { SessionStore } from '../../state/session-store.ts'
import type { ClosingWindow } from '../emitting-step.ts'
import { MissedGraces } from '../missed-grace.ts'
import type { EmissionPlan, StepPlan } from '../step-plan.ts'
import type { Task } from '../task.ts'

/** How long windows wait. */
export interface Waits {
  readonly graceMs: number
  /** From the time behind which a window may not become longer to the watermark at which it closes. */
  readonly closeMs: number
}

/** What steps over windows that lie where the records are have in common: the store of their rows, its keys, and when a row's time is over. */
export abstract class EventStep {
  readonly plan: StepPlan
  readonly store: SessionStore
  readonly table: KeyTable
  /** The kind of its keys, 0 until the first one. */
  kind: KeyKind | 0
  /** Set while a row goes out that is no more: as a deletion, a null value. */
  isDeleting = false
  readonly missedGraces = new MissedGraces()
  protected readonly task: Task
  protected readonly finals: readonly EmissionPlan[]
  protected readonly updates: readonly EmissionPlan[]
  readonly #waits: Waits

  constructor(task: Task, plan: StepPlan, store: SessionStore, waits: Waits) {
    this.task = task
    this.plan = plan
    this.store = store
    this.table = store.table
    this.kind = store.keyKind as KeyKind | 0
    this.#waits = waits
    const of = (kind: string) => plan.emissions.filter(({ node }) => node.emission.kind === kind)
    this.finals = of('final')
    this.updates = of('updates')
  }

  keyRange(_bytes: Buffer, start: number, end: number): readonly [number, number] {
    return [start + WINDOW_START_BYTES, end]
  }

  get name(): string {
    return this.plan.node.name
  }

  /** Every window that a record before this time could have been in may be gone. */
  get closedBelow(): number {
    return this.store.closedBelow
  }

  get hasChanges(): boolean {
    return this.store.hasChanges
  }

  /** False when the step has keys of another kind already (SEMANTICS 5.1). */
  acceptsKind(kind: KeyKind): boolean {
    const accepted = this.store.acceptKeyKind(kind)
    this.kind = this.store.keyKind as KeyKind
    return accepted
  }

  /** The task watermark at which a window closes that `t` could be in last; Infinity while a wall-clock emission in front holds it open. */
  protected closeAt(t: number): number {
    return this.task.ticks.dueAt(this.plan.reach, t + this.#waits.closeMs)
  }

  /** A window that closes as `closeAt` says, as others see it. */
  protected closing(start: number, end: number, t: number): ClosingWindow {
    return { start, end, closesAt: t + this.#waits.closeMs + this.plan.reach.holdMs }
  }

  /** Hands out windows by `closeNext`, which gives whether one was due; false when the slice is used up before the end. */
  protected closeAll(closeNext: () => boolean): boolean {
    const { closing, parked } = this.task
    while (closeNext()) {
      // Each is looked up and taken out by itself, which costs a few times what a row of one window does.
      if (closing.spend(4) || parked.hasCalls) return false
    }
    return true
  }

  /** A window leaves the store as it goes out. */
  settleClosing(): void {}

  restored(): void {
    const { store } = this
    store.finishRestore()
    this.kind = store.keyKind as KeyKind | 0
    const row = store.earliest()
    if (row !== 0) this.task.time.lowerNextDue(this.closeAt(store.lastOf(row)))
  }

  noteLate(t: number): void {
    this.missedGraces.note(this.task, t + 1 + this.#waits.graceMs + this.plan.reach.holdMs)
  }
}
