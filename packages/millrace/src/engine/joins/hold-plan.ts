import type { Graph, HoldNode } from '../../plan/graph.ts'
import { WindowStore } from '../../state/window-store.ts'
import { depthOf } from '../depth.ts'
import type { Reach } from '../reach.ts'
import type { StatefulPlan } from '../stateful-step.ts'
import { type HoldPlan, HoldStep, holdBucketMs } from './hold-step.ts'
import { waitingDefinition } from './waiting-store.ts'

/** A step that holds records, as one of the steps with a store. */
export function holdPlan(graph: Graph, node: HoldNode, reach: Reach): StatefulPlan {
  const plan: HoldPlan = { node, reach, depth: depthOf(graph, node) }
  return {
    node,
    layout: keySerde => waitingDefinition(node.name, holdBucketMs, keySerde, () => 0).layout,
    open: (task, keySerde, nextSeed) =>
      new HoldStep(
        task,
        plan,
        new WindowStore(waitingDefinition(node.name, holdBucketMs, keySerde, nextSeed)),
      ),
  }
}
