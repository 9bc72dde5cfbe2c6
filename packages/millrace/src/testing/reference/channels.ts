import type { KeyByNode, PlanNode, ToTopicNode } from '../../plan/graph.ts'
import type { EntryNode } from './layout.ts'
import type { ChannelItem, FlowRecord, SidePort, SideReason } from './types.ts'

/** What a task reads: one source partition, or what one upstream task wrote into its repartition partition. */
export interface Channel {
  readonly entry: EntryNode
  readonly items: readonly ChannelItem[]
}

/** The next item of a channel. */
export interface Head {
  readonly channel: number
  readonly item: ChannelItem
}

/** Picks which channel of a task goes on; each channel keeps its order whatever is picked. */
export type ChooseChannel = (heads: readonly Head[]) => Head

/** The head with the smallest time; what has none, and watermarks, as soon as they are heads. */
export function earliestHead(heads: readonly Head[]): Head {
  const timeOf = ({ item }: Head) =>
    item.kind === 'record' ? item.record.timestamp : Number.NEGATIVE_INFINITY
  return heads.reduce((earliest, head) => (timeOf(head) < timeOf(earliest) ? head : earliest))
}

/** Where what leaves a task goes. */
export interface TaskOutlet {
  /** So many records were looked at. Throws when there have been too many. */
  works(records: number): void
  toTopic(node: ToTopicNode, key: Uint8Array | null, record: FlowRecord): void
  toSide(node: PlanNode, port: SidePort, reason: SideReason, record: FlowRecord): void
  repartition(node: KeyByNode, record: FlowRecord): void
  repartitionWatermark(node: KeyByNode, watermark: number): void
  repartitionEnd(node: KeyByNode): void
}
