import type { AsyncMapNode } from '../../plan/graph.ts'
import { TableStore } from '../../state/table-store.ts'
import type { StatefulPlan } from '../stateful-step.ts'
import { AsyncStep } from './async-step.ts'
import { callsDefinition } from './call-record.ts'

/** An `asyncMap` as one of the steps with a store. `freeze`: values are frozen (SEMANTICS 5.4). */
export function callsPlan(node: AsyncMapNode, freeze: boolean): StatefulPlan {
  return {
    node,
    layout: keySerde => callsDefinition(node.name, keySerde, () => 0).layout,
    open: (task, keySerde, nextSeed) =>
      new AsyncStep(task, { node, freeze }, new TableStore(callsDefinition(node.name, keySerde, nextSeed))),
  }
}
