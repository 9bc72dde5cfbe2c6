import type { Graph, StreamJoinNode } from '../../plan/graph.ts'
import type { ObjectCodec, StoreDefinition } from '../../state/row-codec.ts'
import { storedValue } from '../../state/stored-value.ts'
import { WindowStore } from '../../state/window-store.ts'
import type { Reach } from '../reach.ts'
import type { StatefulPlan } from '../stateful-step.ts'
import { depthOf } from '../step-plan.ts'
import type { Waiting } from './join-buffer.ts'
import { JoinStep } from './join-step.ts'

/** Everything fixed about a join of two streams. */
export interface JoinPlan {
  readonly node: StreamJoinNode
  readonly reach: Reach
  readonly depth: number
  /** How much event time lies together. */
  readonly bucketMs: number
}

export function planJoin(graph: Graph, node: StreamJoinNode, reach: Reach): JoinPlan {
  return { node, reach, depth: depthOf(graph, node), bucketMs: bucketMsOf(node) }
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
    layout: keySerde => definition(plan, keySerde, () => 0).layout,
    open: (task, keySerde, nextSeed) =>
      new JoinStep(task, plan, new WindowStore(definition(plan, keySerde, nextSeed))),
  }
}

/** A row is the place of its list and the number of the last chunk, where `JoinBuffer` looks for them. */
function definition({ node, bucketMs }: JoinPlan, keySerde: string, nextSeed: () => number): StoreDefinition {
  return {
    layout: {
      step: node.name,
      kind: 'windows',
      columns: [
        { name: 'waiting', aggregator: 'waiting', doubles: 0, objects: 1, version: 1 },
        { name: '#last', aggregator: '#last', doubles: 1, objects: 0, version: 1 },
      ],
      keySerde,
      window: { kind: 'join', bucketMs },
      version: 1,
    },
    initial: [0],
    objects: [waitingRecords],
    nextSeed,
  }
}

type Stored = readonly [t: number, w: number | null, isDone: 0 | 1, v: unknown]

const waitingRecords: ObjectCodec<Waiting[]> = {
  initial: () => [],
  // JSON has no infinity, and some records are judged by none.
  encode: all =>
    all.map(
      ({ t, w, v, isDone }): Stored => [
        t,
        Number.isFinite(w) ? w : null,
        isDone ? 1 : 0,
        storedValue.encode(v),
      ],
    ),
  decode: (stored, version) =>
    (stored as readonly Stored[]).map(([t, w, isDone, v]) => ({
      t,
      w: w ?? Number.NEGATIVE_INFINITY,
      v: storedValue.decode(v, version),
      isDone: isDone === 1,
    })),
}
