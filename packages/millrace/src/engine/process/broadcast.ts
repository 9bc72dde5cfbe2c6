import type { ProcessNode } from '../../plan/graph.ts'
import type { BroadcastRows } from '../../plan/process.ts'
import { tableOf } from '../../plan/walk.ts'
import { deepFreeze } from '../../serde/freeze.ts'
import type { GlobalTableStep } from '../tables/global-step.ts'
import type { Task } from '../task.ts'
import type { Call } from './call.ts'

/** What the calls of a process step see of a global table. */
class BroadcastTable implements BroadcastRows<any, any> {
  readonly #call: Call
  readonly #step: () => GlobalTableStep
  readonly #freeze: boolean

  constructor(call: Call, step: () => GlobalTableStep, freeze: boolean) {
    this.#call = call
    this.#step = step
    this.#freeze = freeze
  }

  get #table(): GlobalTableStep {
    return this.#call.current && this.#step()
  }

  get size(): number {
    return this.#table.store.size
  }

  get(key: unknown): any {
    const row = this.#table.rowUnder(key)
    return this.#freeze ? deepFreeze(row) : row
  }

  [Symbol.iterator](): Iterator<readonly [any, any]> {
    const { rows } = this.#table
    return (this.#freeze ? rows.map(([key, row]) => [key, deepFreeze(row)] as const) : rows)[
      Symbol.iterator
    ]()
  }
}

/** The global tables of a process step by the names it gave them. They are opened behind it, so each is found at its first use. */
export function broadcastOf(task: Task, node: ProcessNode, call: Call, freeze: boolean): object {
  const named = node.broadcast.map((name, i) => {
    const { id } = tableOf(task.plan.graph, node.inputs[i + 1]!)
    return [name, new BroadcastTable(call, () => task.steps[id] as GlobalTableStep, freeze)] as const
  })
  return Object.freeze(Object.fromEntries(named))
}
