import type { Graph, PlanNode, Port } from '../../plan/graph.ts'
import type { FlowRecord, SidePort, SideReason } from './types.ts'

/** What the steps with state ask of their task. */
export interface StepHost {
  readonly graph: Graph
  /** The watermark that has reached a node. */
  reached(node: PlanNode): number
  send(node: PlanNode, port: Port, record: FlowRecord): void
  /** So many records were looked at. Throws when there have been too many. */
  works(records: number): void
  sendAside(node: PlanNode, port: SidePort, reason: SideReason, record: FlowRecord): void
}
