import type {
  AggregateNode,
  EmitNode,
  GlobalTableNode,
  Graph,
  HoldNode,
  PlanNode,
  StreamJoinNode,
  TableJoinNode,
  TableNode,
} from '../plan/graph.ts'
import type { SubTopology } from '../plan/sub-topology.ts'
import { aggregatePlan } from './aggregate-plan.ts'
import { callsPlan } from './calls/calls-plan.ts'
import { holdPlan } from './joins/hold-plan.ts'
import { type JoinPlan, joinPlan, planJoin } from './joins/join-plan.ts'
import { outputOf } from './output-name.ts'
import { processPlan } from './process/process-plan.ts'
import { type Reach, reaches } from './reach.ts'
import type { StatefulPlan } from './stateful-step.ts'
import { planStep, type StepPlan } from './step-plan.ts'
import { tablePlan } from './tables/table-plan.ts'

/** A sub-topology with everything about it that is fixed before a task starts; shared by its tasks. */
export interface SubPlan {
  readonly app: string
  readonly graph: Graph
  readonly sub: SubTopology
  readonly aggregates: readonly StepPlan[]
  readonly joins: readonly JoinPlan[]
  /** Every step with a store, in node order. */
  readonly stateful: readonly StatefulPlan[]
  readonly globalTables: readonly GlobalTableNode[]
  /** The emissions of `every(t)` on the wall clock, in node order: whose last tick a commit remembers. */
  readonly wallTicks: readonly EmitNode[]
  readonly reaches: readonly Reach[]
  /** Nothing unchecked gets into the log, so reading checks nothing again (SEMANTICS 5.6). */
  readonly closedLog: boolean
  /** Consumers of each output, by `<node id>:<port>`, within the sub-topology and in node order. */
  readonly consumers: ReadonlyMap<string, readonly PlanNode[]>
}

export interface SubPlanSettings {
  readonly app: string
  readonly closedLog: boolean
  /** Values are frozen, so that a callback that changes one fails (SEMANTICS 5.4). */
  readonly freeze: boolean
}

export function planSubTopology(graph: Graph, sub: SubTopology, settings: SubPlanSettings): SubPlan {
  const { app, closedLog, freeze } = settings
  const nodes = sub.nodeIds.map(id => graph.nodes[id]!)
  const reach = reaches(graph)
  const aggregates = nodes
    .filter((node): node is AggregateNode => node.kind === 'aggregate')
    .map(node => planStep(graph, node, reach[node.id]!))
  const joins = nodes
    .filter((node): node is StreamJoinNode => node.kind === 'streamJoin')
    .map(node => planJoin(graph, node, reach[node.id]!))
  const stateful = nodes.flatMap((node): StatefulPlan[] => {
    if (node.kind === 'process') return [processPlan(graph, node, reach[node.id]!, freeze)]
    if (isTable(node)) return [tablePlan(node)]
    if (node.kind === 'asyncMap') return [callsPlan(node, freeze)]
    if (isHold(node)) return [holdPlan(graph, node, reach[node.id]!)]
    if (node.kind === 'streamJoin') return joins.filter(step => step.node === node).map(joinPlan)
    return aggregates.filter(step => step.node === node).map(aggregatePlan)
  })
  return {
    app,
    graph,
    sub,
    aggregates,
    joins,
    stateful,
    globalTables: nodes.filter(node => node.kind === 'globalTable'),
    wallTicks: nodes.filter(
      (node): node is EmitNode =>
        node.kind === 'emit' && node.emission.kind === 'every' && node.emission.time === 'wall',
    ),
    reaches: reach,
    closedLog,
    consumers: consumersOf(nodes),
  }
}

function isHold(node: PlanNode): node is HoldNode {
  return node.kind === 'hold'
}

function isTable(node: PlanNode): node is TableNode | TableJoinNode {
  return node.kind === 'table' || node.kind === 'tableJoin'
}

function consumersOf(nodes: readonly PlanNode[]): Map<string, PlanNode[]> {
  const consumers = new Map<string, PlanNode[]>()
  for (const node of nodes) {
    for (const { from, port } of node.inputs) {
      const output = outputOf(from, port)
      const known = consumers.get(output)
      if (known) known.push(node)
      else consumers.set(output, [node])
    }
  }
  return consumers
}
