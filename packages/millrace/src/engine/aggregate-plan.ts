import { SessionStore } from '../state/session-store.ts'
import { TableStore } from '../state/table-store.ts'
import { WindowStore } from '../state/window-store.ts'
import { AggregateStep } from './aggregate-step.ts'
import { CountStep } from './count-windows/count-step.ts'
import { CutSessionStep } from './event-windows/cut-session-step.ts'
import { SessionStep } from './event-windows/session-step.ts'
import { SlidingStep } from './event-windows/sliding-step.ts'
import type { StatefulPlan } from './stateful-step.ts'
import { type StepPlan, storeDefinition } from './step-plan.ts'

/** An aggregate as one of the steps with a store. */
export function aggregatePlan(plan: StepPlan): StatefulPlan {
  return {
    node: plan.node,
    layout: keySerde => storeDefinition(plan, keySerde, () => 0).layout,
    open(task, keySerde, nextSeed) {
      const definition = storeDefinition(plan, keySerde, nextSeed)
      const { eventWindow, counted, width } = plan
      if (counted !== undefined) return new CountStep(task, plan, counted, new TableStore(definition))
      if (eventWindow !== undefined) {
        const { window, lastAt } = eventWindow
        const gapMs = window.kind === 'session' ? window.gapMs : 0
        const store = new SessionStore(definition, { gapMs, width, lastAt })
        if (window.kind === 'sliding') return new SlidingStep(task, plan, window, store)
        return window.maxLengthMs === undefined
          ? new SessionStep(task, plan, window, store)
          : new CutSessionStep(task, plan, window, store)
      }
      const store = plan.node.window ? new WindowStore(definition) : new TableStore(definition)
      return new AggregateStep(task, plan, store)
    },
  }
}
