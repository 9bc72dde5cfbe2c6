import { type Graph, type PlanNode, replacesRows, type WindowSpec } from '../plan/graph.ts'
import type { Topic } from '../plan/topic.ts'
import { topicPreparation } from '../runtime/preparation.ts'
import { hasGrid, windowGrid } from '../window/window.ts'
import type { StoredRecord } from './read-partition.ts'

/** A record of a topic, decoded as the topic's declaration says. */
export interface OutputRecord<V, K> {
  readonly key: K | null
  /** Null for a tombstone. */
  readonly value: V | null
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string>>
  readonly partition: number
  readonly offset: number
  /** Of updates of windows, whose keys carry it (SEMANTICS 5.8). */
  readonly windowStart?: number
}

/** Fetches what records cannot be decoded without. */
export async function prepareDecoding(
  topic: Topic,
  records: readonly StoredRecord[],
  windows: readonly WindowSpec[],
): Promise<void> {
  const { key: keys, value: values } = topicPreparation(topic)
  if (keys === undefined && values === undefined) return
  await Promise.all(
    records.flatMap(({ key, value }) => [
      key && keys?.forReading(key, 0, keyLengthOf(key, windows)),
      value && values?.forReading(value, 0, value.length),
    ]),
  )
}

/** Decodes a record; `windows` are those whose updates the topic may hold. Throws what its serdes throw, naming the place. */
export function outputRecord<V, K>(
  topic: Topic<V, K, any>,
  record: StoredRecord,
  windows: readonly WindowSpec[],
): OutputRecord<V, K> {
  const { key, value, timestamp, headers, partition, offset } = record
  const windowStart = key === null ? undefined : startBehind(key, windows)
  const keyLength = key === null ? 0 : keyLengthOf(key, windows)
  try {
    return {
      key: key === null ? null : topic.keySerde.deserialize(key, 0, keyLength),
      value: value === null ? null : topic.value.deserialize(value, 0, value.length),
      timestamp,
      headers,
      partition,
      offset,
      ...(windowStart === undefined ? {} : { windowStart }),
    }
  } catch (cause) {
    throw new Error(
      `The record at ${topic.name}/${partition} offset ${offset} cannot be read: ${(cause as Error).message}`,
      { cause },
    )
  }
}

const startBytes = 8
/** The latest time there is; the bytes of a text, read as a number, lie far behind it. */
const lastTimeMs = 8.64e15

function keyLengthOf(key: Buffer, windows: readonly WindowSpec[]): number {
  return key.length - (startBehind(key, windows) === undefined ? 0 : startBytes)
}

/** The window start behind the key's bytes, if there is one that belongs to one of the windows. */
function startBehind(key: Buffer, windows: readonly WindowSpec[]): number | undefined {
  if (key.length < startBytes) return undefined
  const start = Number(key.readBigInt64BE(key.length - startBytes))
  const fits = (window: WindowSpec) =>
    hasGrid(window) ? windowGrid(window).startOf(start) === start : start >= 0 && start <= lastTimeMs
  return Number.isSafeInteger(start) && windows.some(fits) ? start : undefined
}

/** The windows whose updates the pipelines may write into a topic. */
export function updatedWindows(graphs: readonly Graph[], topic: string): WindowSpec[] {
  return graphs.flatMap(graph =>
    graph.nodes.flatMap(node =>
      node.kind === 'to' && node.topic.name === topic ? windowsInto(graph, node) : [],
    ),
  )
}

/** Follows the values upwards, up to where their keys are made. */
function windowsInto(graph: Graph, node: PlanNode): WindowSpec[] {
  return node.inputs.flatMap(({ from }) => {
    const before = graph.nodes[from]!
    if (before.kind === 'keyBy' || before.kind === 'aggregate') return []
    if (before.kind !== 'emit') return windowsInto(graph, before)
    const aggregate = graph.nodes[before.inputs[0]!.from]!
    const isUpdate = replacesRows(before.emission)
    return aggregate.kind === 'aggregate' && aggregate.window !== undefined && isUpdate
      ? [aggregate.window]
      : []
  })
}
