import type { Emission } from '../plan/graph.ts'
import type { KeyTable } from '../state/key-table.ts'
import type { EmittingStep } from './emitting-step.ts'
import { isTrue } from './results.ts'
import { rowResult } from './row-result.ts'
import type { EmissionPlan } from './step-plan.ts'
import type { Task } from './task.ts'

type When = Extract<Emission, { kind: 'when' }>

/** The emissions of a step that give a row when a condition holds for it. */
export class ConditionalRows {
  readonly #task: Task
  readonly #step: EmittingStep
  readonly #emissions: readonly EmissionPlan[]

  constructor(task: Task, step: EmittingStep) {
    this.#task = task
    this.#step = step
    this.#emissions = step.plan.emissions.filter(({ node }) => node.emission.kind === 'when')
  }

  /** After a row was changed by the record in work. */
  changed(table: KeyTable, row: number, start: number): void {
    for (const emission of this.#emissions) {
      const at = row + emission.flagAt
      const { again } = emission.node.emission as When
      const held = table.f64[at] !== 0
      if (held && !again) continue
      const holds = this.#holds(emission, table, row, start)
      if (holds === undefined) continue
      table.f64[at] = holds ? 1 : 0
      if (holds && !held) this.#tell(emission, table, row, start)
    }
  }

  /** Undefined where the condition throws: it is asked again after the next change. */
  #holds({ node }: EmissionPlan, table: KeyTable, row: number, start: number): boolean | undefined {
    const task = this.#task
    const { plan } = this.#step
    const [kb, ks, ke] = [table.keyBytes, table.keyStart(row), table.keyEnd(row)]
    try {
      return isTrue(
        (node.emission as When).predicate(rowResult(plan, table, row, start, task.keyInWork(kb, ks, ke))),
      )
    } catch (error) {
      const time = table.f64[row + plan.timeAt]!
      task.sides.failed(plan.node.id, error, false, null, kb, ks, ke, undefined, time, null)
      return undefined
    }
  }

  #tell({ node }: EmissionPlan, table: KeyTable, row: number, start: number): void {
    const task = this.#task
    const step = this.#step
    const before = task.rowWatermark
    task.rowWatermark = task.ownWatermark
    task.program.rows.get(node.id)!(task, step, table, row, start, table.f64[row + step.plan.timeAt]!)
    task.rowWatermark = before
  }
}
