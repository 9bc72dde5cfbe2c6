import type { Graph, PlanNode, StreamJoinNode } from '../plan/graph.ts'

/**
 * How far behind the task's watermark the event time is that reaches a node (SEMANTICS 3.2): a step that
 * holds rows back passes on a lower bound of the record times it can still write.
 */
export interface Reach {
  readonly holdMs: number
  /** The wall-clock emissions in front of the node: what they pass on stands still between two ticks. */
  readonly wallTicks: readonly WallTickReach[]
  /** Ids of the `asyncMap` steps in front of the node: event time waits for their calls (SEMANTICS 7.4). */
  readonly calls: readonly number[]
}

/** A wall-clock emission in front of a node. */
export interface WallTickReach {
  /** Its node's id. */
  readonly emit: number
  /** How far what is behind it, in front of the node, holds event time back. */
  readonly holdMs: number
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
    wallTicks: combineTicks([...a.wallTicks, ...b.wallTicks]),
    calls: [...new Set([...a.calls, ...b.calls])],
  }
}

function combineTicks(ticks: readonly WallTickReach[]): WallTickReach[] {
  const holds = new Map<number, number>()
  for (const { emit, holdMs } of ticks) holds.set(emit, Math.max(holds.get(emit) ?? 0, holdMs))
  return [...holds].map(([emit, holdMs]) => ({ emit, holdMs }))
}

/** A step holds back what the emissions in front of it pass on as well. */
function held(reach: Reach, holdMs: number): Reach {
  const wallTicks = reach.wallTicks.map(tick => ({ ...tick, holdMs: tick.holdMs + holdMs }))
  return { ...reach, holdMs: reach.holdMs + holdMs, wallTicks }
}

function passedOn(graph: Graph, node: PlanNode, known: readonly Reach[]): Reach {
  const reach = known[node.id]!
  if (node.kind === 'keyBy') return direct
  if (node.kind === 'streamJoin') return held(reach, longestWaitMs(node))
  if (node.kind === 'process') return held(reach, node.holdBackMs)
  if (node.kind === 'asyncMap') return { ...reach, calls: [...reach.calls, node.id] }
  if (node.kind !== 'emit') return reach
  const { emission } = node
  if (emission.kind === 'updates' || emission.kind === 'count' || emission.kind === 'when') return reach
  if (emission.kind === 'every') {
    return emission.time === 'event'
      ? held(reach, emission.everyMs)
      : { ...reach, wallTicks: [...reach.wallTicks, { emit: node.id, holdMs: 0 }] }
  }
  return held(reach, heldMs(graph, node) + (emission.allowedLatenessMs ?? 0))
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
