import type { Graph, KeyByNode, PlanNode, ToTopicNode } from '../../plan/graph.ts'
import { resultOf } from './aggregate.ts'
import { bytesOfKey, partitionOfKey } from './bytes.ts'
import { bindingOf, Certainties, type Certainty } from './certainty.ts'
import { type Channel, type ChooseChannel, earliestHead, type TaskOutlet } from './channels.ts'
import { type Layout, layoutOf, type SubTopology, type TaskPlace } from './layout.ts'
import { bytesOfRecordKey } from './made-records.ts'
import { readPartition } from './source.ts'
import { SequentialTask } from './task.ts'
import type {
  Binding,
  ChannelItem,
  Expected,
  ExpectedRecord,
  ExpectedSideRecord,
  ExpectedTableRow,
  FlowRecord,
  LooseColumns,
  ReferenceInput,
  ReferenceResult,
  SidePort,
} from './types.ts'

/**
 * Runs a pipeline one record at a time, one task after the other, with Maps for state: what every other
 * run of the same graph over the same input must equal (SEMANTICS 4). No partition is ever released
 * (`idle: 'never'`), no record lies in the future, and files, prints and clocks are left out.
 *
 * `choose` picks which channel of a task goes on next; what the result calls decided does not depend on it. Throws a `TooLongError`
 * when its steps looked at more than `workMax` records: what joins with themselves make of a few may take the model hours.
 */
export function referenceRun(
  graph: Graph,
  input: ReferenceInput,
  choose: ChooseChannel = earliestHead,
  workMax: number = Number.POSITIVE_INFINITY,
): ReferenceResult {
  return new ReferenceRun(graph, input, choose, workMax).run()
}

export class TooLongError extends Error {
  override readonly name = 'TooLongError'
}

class ReferenceRun {
  readonly #graph: Graph
  readonly #input: ReferenceInput
  readonly #choose: ChooseChannel
  readonly #layout: Layout
  readonly #certainties: Certainties
  /** What each task wrote into each partition of each repartition topic: a channel of the tasks behind it. */
  readonly #repartitions = new Map<KeyByNode, ChannelItem[][][]>()
  readonly #outputs = new Collected<string, ExpectedRecord>()
  readonly #sideStreams = new Collected<SidePort, ExpectedSideRecord>()
  readonly #tables = new Collected<string, ExpectedTableRow>()
  #workLeft: number

  constructor(graph: Graph, input: ReferenceInput, choose: ChooseChannel, workMax: number) {
    this.#workLeft = workMax
    this.#graph = graph
    this.#choose = choose
    this.#input = input
    this.#layout = layoutOf(graph, topic => this.#partitionsOf(topic).length)
    this.#certainties = new Certainties(graph, this.#layout)
  }

  run(): ReferenceResult {
    for (const node of this.#graph.nodes) this.#expectPlacesOf(node)
    for (const subTopology of this.#layout.subTopologies)
      for (const place of subTopology.tasks) this.#runTask(subTopology, place)
    return {
      outputs: this.#outputs.places,
      sideStreams: this.#sideStreams.places,
      tables: this.#tables.places,
    }
  }

  /** Places stay in the result when nothing comes: the actual run must then write nothing either. */
  #expectPlacesOf(node: PlanNode): void {
    if (node.kind === 'to') this.#outputs.expect(node.topic.name, this.#certainties.into(node))
    if (node.kind === 'aggregate') this.#tables.expect(node.name, this.#certainties.ofTable(node))
    for (const port of sidePortsOf(node))
      if (!this.#isWired(node, port)) this.#sideStreams.expect(port, this.#certainties.ofSide(node))
  }

  #isWired(node: PlanNode, port: SidePort): boolean {
    return this.#graph.nodes.some(({ inputs }) =>
      inputs.some(edge => edge.from === node.id && edge.port === port),
    )
  }

  #runTask({ nodes }: SubTopology, place: TaskPlace): void {
    const task = new SequentialTask(this.#graph, nodes, this.#channelsOf(place), this.#outletOf(place, nodes))
    task.run(this.#choose)
    for (const [node, slots] of task.aggregates.slots)
      for (const { record, window, columns } of slots.values())
        this.#tables.add(node.name, {
          key: record.key,
          start: window?.start,
          result: resultOf(node, columns),
        })
  }

  #channelsOf({ entries, partition }: TaskPlace): Channel[] {
    return entries.flatMap((entry): Channel[] => {
      if (entry.kind === 'keyBy')
        return this.#repartitions.get(entry)!.map(partitions => ({ entry, items: partitions[partition]! }))
      const records = this.#partitionsOf(entry.topic.name)[partition]!
      const { bounded, ends } = this.#input
      const endsHere = ends?.get(entry.topic.name)?.[partition]
      return [{ entry, items: readPartition(entry, partition, records, bounded, endsHere) }]
    })
  }

  #partitionsOf(topic: string) {
    const partitions = this.#input.topics.get(topic)
    if (partitions === undefined) throw new Error(`the input has no topic ${topic}`)
    return partitions
  }

  #outletOf(place: TaskPlace, nodes: readonly PlanNode[]): TaskOutlet {
    const written = new Map<KeyByNode, ChannelItem[][]>()
    const carried = new Map<KeyByNode, number>()
    for (const node of nodes) if (node.kind === 'keyBy') this.#openRepartition(node, place, written)
    return {
      works: records => {
        this.#workLeft -= records
        if (this.#workLeft < 0) throw new TooLongError('steps look at too many records')
      },
      toTopic: (node, key, record) => this.#write(place, node, key, record),
      toSide: (node, port, reason, record) => {
        const { value, timestamp, origin } = record
        const key = record.key === null ? null : bytesOfRecordKey(record)
        this.#sideStreams.add(port, { step: stepName(node), reason, key, value, timestamp, origin })
      },
      repartition: (node, record) => {
        const partitions = written.get(node)!
        const partition = partitionOfKey(bytesOfKey(record.key), partitions.length)
        const lane = record.lane && `${record.lane} ${node.name}/${partition}`
        const ownWatermark = roundedDown(record.ownWatermark, node)
        partitions[partition]!.push({ kind: 'record', record: { ...record, lane, ownWatermark } })
      },
      repartitionWatermark: (node, watermark) => {
        const rounded = roundedDown(watermark, node)
        if (rounded <= (carried.get(node) ?? Number.NEGATIVE_INFINITY)) return
        carried.set(node, rounded)
        for (const items of written.get(node)!) items.push({ kind: 'watermark', watermark: rounded })
      },
      repartitionEnd: node => {
        for (const items of written.get(node)!) items.push({ kind: 'end' })
      },
    }
  }

  /** A task that no record can take to a keyBy is no channel behind it. */
  #openRepartition(node: KeyByNode, place: TaskPlace, written: Map<KeyByNode, ChannelItem[][]>): void {
    if (!this.#repartitions.has(node)) this.#repartitions.set(node, [])
    if (!this.#layout.tasksAt(node).some(({ id }) => id === place.id)) return
    const partitions = Array.from({ length: this.#layout.partitionsOf(node) }, (): ChannelItem[] => [])
    written.set(node, partitions)
    this.#repartitions.get(node)!.push(partitions)
  }

  #write(place: TaskPlace, node: ToTopicNode, key: Uint8Array | null, record: FlowRecord): void {
    const { value, timestamp, origin } = record
    const isOpen = key === null || record.keyWindowStart !== undefined
    const partition = isOpen ? undefined : partitionOfKey(key, node.topic.partitions)
    const lane = record.lane && `${record.lane} ${node.id}`
    this.#outputs.add(node.topic.name, { partition, key, value, timestamp, origin, lane, task: place.id })
  }
}

/** A watermark as a re-keying carries it (SEMANTICS 3.3). */
function roundedDown(watermark: number, { watermarkMs }: KeyByNode): number {
  return Math.floor(watermark / watermarkMs) * watermarkMs
}

/** Rows by place. Where several steps write to one place, the least certain of them decides for it. */
class Collected<P, T> {
  readonly places = new Map<P, Expected<T> & { rows: T[] }>()

  expect(place: P, certainty: Certainty): void {
    const known = this.places.get(place)
    const binding = bindingOf(certainty)
    this.places.set(place, {
      binding: known === undefined ? binding : looser(known.binding, binding),
      loose: new Map([...(known?.loose ?? []), ...certainty.loose]) as LooseColumns,
      rows: [],
    })
  }

  add(place: P, row: T): void {
    this.places.get(place)!.rows.push(row)
  }
}

/** Last values of keys mean nothing between the records of another step. */
function looser(a: Binding, b: Binding): Binding {
  return a === 'exact' && b === 'exact' ? 'exact' : 'open'
}

function sidePortsOf(node: PlanNode): SidePort[] {
  if (node.kind === 'source') return ['rejected', 'tombstones']
  const judges = node.kind === 'streamJoin' || (node.kind === 'aggregate' && node.window !== undefined)
  if (judges) return ['late', 'failed']
  return ['byKey', 'merge', 'emit'].includes(node.kind) ? [] : ['failed']
}

/** What side streams call a step. */
function stepName(node: PlanNode): string {
  if (node.kind === 'lookup') return 'join'
  return node.name ?? (node.kind === 'source' ? node.topic.name : node.kind)
}
