import type { Graph, StreamJoinNode } from '../../plan/graph.ts'
import { keptAsText } from '../../plan/kept-text.ts'
import { compileProjection, type JsonProjection } from '../../serde/json/projection.ts'
import { WindowStore } from '../../state/window-store.ts'
import { depthOf } from '../depth.ts'
import type { Reach } from '../reach.ts'
import type { StatefulPlan } from '../stateful-step.ts'
import type { Side } from './join-buffer.ts'
import { JoinStep } from './join-step.ts'
import { waitingDefinition } from './waiting-store.ts'

/** Everything fixed about a join of two streams. */
export interface JoinPlan {
  readonly node: StreamJoinNode
  readonly reach: Reach
  readonly depth: number
  /** How much event time lies together. */
  readonly bucketMs: number
  /** For each side, what decodes the fields that the join reads of a record that is kept as text; undefined where none is. */
  readonly texts: readonly [JsonProjection | undefined, JsonProjection | undefined]
}

export function planJoin(graph: Graph, node: StreamJoinNode, reach: Reach): JoinPlan {
  const textsOf = (side: Side) => {
    const fields = keptAsText(graph, node, side)
    return fields && compileProjection(fields)
  }
  const texts = [textsOf(0), textsOf(1)] as const
  return { node, reach, depth: depthOf(graph, node), bucketMs: bucketMsOf(node), texts }
}

/**
 * A quarter of the interval, so that a look-up meets few tables; no less than some part of what is kept, so that there are not too
 * many. A power of two, so that it seldom changes with the join's options.
 */
function bucketMsOf({ beforeMs, afterMs, graceMs }: StreamJoinNode): number {
  const intervalMs = beforeMs + afterMs
  return 2 ** Math.ceil(Math.log2(Math.max(1, intervalMs / 4, (intervalMs + graceMs) / 32)))
}

/** A join of streams as one of the steps with a store. */
export function joinPlan(plan: JoinPlan): StatefulPlan {
  return {
    node: plan.node,
    layout: keySerde => waitingDefinition(plan.node.name, plan.bucketMs, keySerde, () => 0).layout,
    open: (task, keySerde, nextSeed) =>
      new JoinStep(
        task,
        plan,
        new WindowStore(waitingDefinition(plan.node.name, plan.bucketMs, keySerde, nextSeed)),
      ),
  }
}
