import { SessionStore } from '../state/session-store.ts'
import { TableStore } from '../state/table-store.ts'
import { WindowStore } from '../state/window-store.ts'
import { AggregateStep } from './aggregate-step.ts'
import { SessionStep } from './sessions/session-step.ts'
import type { StatefulPlan } from './stateful-step.ts'
import { type StepPlan, storeDefinition } from './step-plan.ts'

/** An aggregate as one of the steps with a store. */
export function aggregatePlan(plan: StepPlan): StatefulPlan {
  return {
    node: plan.node,
    layout: keySerde => storeDefinition(plan, keySerde, () => 0).layout,
    open(task, keySerde, nextSeed) {
      const definition = storeDefinition(plan, keySerde, nextSeed)
      const { session, width } = plan
      if (session !== undefined) {
        const { window, lastAt } = session
        const store = new SessionStore(definition, { gapMs: window.gapMs, width, lastAt })
        return new SessionStep(task, plan, session, store)
      }
      const store = plan.node.window ? new WindowStore(definition) : new TableStore(definition)
      return new AggregateStep(task, plan, store)
    },
  }
}
