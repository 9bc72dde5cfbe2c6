import type { KeyTable } from '../state/key-table.ts'
import type { MissedGraces } from './missed-grace.ts'
import type { StatefulStep } from './stateful-step.ts'
import type { EmissionPlan, StepPlan } from './step-plan.ts'

/** A row, and the table it lies in. */
export interface FoundRow {
  readonly table: KeyTable
  readonly row: number
}

/** Start and end of one window. */
export interface WindowFrame {
  readonly start: number
  readonly end: number
}

/** A window, and the task watermark at which it closes. */
export interface ClosingWindow extends WindowFrame {
  readonly closesAt: number
  /** The task watermark up to which it takes late records, where it does so behind its close. */
  readonly latenessEndsAt?: number
}

/** An aggregate over whatever windows: its rows leave it by its emissions and can be asked for. */
export interface EmittingStep extends StatefulStep {
  readonly plan: StepPlan
  /** How much more grace its late records would have needed. */
  readonly missedGraces: MissedGraces
  /** The window that closes next. */
  readonly nextWindow: ClosingWindow | undefined
  /** Rows wait for the next tick of this emission. */
  waitsForTick(emit: number): boolean
  /** Sends out the rows that changed since the last tick; false when a slice is used up before the last of them. */
  tick(emission: EmissionPlan): boolean
  /** The row of a key, or of a key in the open window that begins at `start`; it may be changed by the next call. */
  find(start: number | undefined, key: Buffer, keyStart: number, keyEnd: number): FoundRow | undefined
  /** The open windows that may hold rows of a key, by their starts. */
  windowsOf(key: Buffer, keyStart: number, keyEnd: number): readonly WindowFrame[]
}

export function isEmitting(step: StatefulStep | undefined): step is EmittingStep {
  return step !== undefined && 'windowsOf' in step
}
