import type { Graph, PlanNode, StreamJoinNode } from '../plan/graph.ts'

/**
 * How far behind the task's watermark the event time is that reaches a node (SEMANTICS 3.2): a step that
 * holds rows back passes on a lower bound of the record times it can still write.
 */
export interface Reach {
  readonly holdMs: number
  /** Ids of wall-clock emissions in front of the node: what they pass on stands still between two ticks. */
  readonly wallTicks: readonly number[]
  /** Ids of the `asyncMap` steps in front of the node: event time waits for their calls (SEMANTICS 7.4). */
  readonly calls: readonly number[]
}

const direct: Reach = { holdMs: 0, wallTicks: [], calls: [] }

/** The reach of every node, by id. Re-keying starts afresh: behind it the carried watermark counts. */
export function reaches(graph: Graph): Reach[] {
  const result: Reach[] = []
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(edge => passedOn(graph, graph.nodes[edge.from]!, result))
    result[node.id] = inputs.reduce(combine, direct)
  }
  return result
}

function combine(a: Reach, b: Reach): Reach {
  return {
    holdMs: Math.max(a.holdMs, b.holdMs),
    wallTicks: [...new Set([...a.wallTicks, ...b.wallTicks])],
    calls: [...new Set([...a.calls, ...b.calls])],
  }
}

function passedOn(graph: Graph, node: PlanNode, known: readonly Reach[]): Reach {
  const reach = known[node.id]!
  if (node.kind === 'keyBy') return direct
  if (node.kind === 'streamJoin') return { ...reach, holdMs: reach.holdMs + longestWaitMs(node) }
  if (node.kind === 'process') return { ...reach, holdMs: reach.holdMs + node.holdBackMs }
  if (node.kind === 'asyncMap') return { ...reach, calls: [...reach.calls, node.id] }
  if (node.kind !== 'emit') return reach
  const { emission } = node
  if (emission.kind === 'updates' || emission.kind === 'count' || emission.kind === 'when') return reach
  if (emission.kind === 'every') {
    return emission.time === 'event'
      ? { ...reach, holdMs: reach.holdMs + emission.everyMs }
      : { ...reach, wallTicks: [...reach.wallTicks, node.id] }
  }
  return { ...reach, holdMs: reach.holdMs + heldMs(graph, node) + (emission.allowedLatenessMs ?? 0) }
}

/** A result has the time of one of its records, and either may have waited that long for the other. */
function longestWaitMs({ beforeMs, afterMs, graceMs }: StreamJoinNode): number {
  return Math.max(beforeMs, afterMs) + 1 + graceMs
}

/** A row of `final` has the last ms of its window, or the time of its session's last record. */
function heldMs(graph: Graph, emit: PlanNode): number {
  const aggregate = graph.nodes[emit.inputs[0]!.from]!
  const window = aggregate.kind === 'aggregate' ? aggregate.window : undefined
  if (window === undefined || window.kind === 'count') return 0
  return window.graceMs + (window.kind === 'session' ? window.gapMs : 0)
}
