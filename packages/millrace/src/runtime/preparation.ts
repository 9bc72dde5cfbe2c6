import { carriedSerde } from '../engine/decode.ts'
import type { Task } from '../engine/task.ts'
import type { TaskInput } from '../engine/task-input.ts'
import type { Graph } from '../plan/graph.ts'
import type { Topic } from '../plan/topic.ts'
import type { RecordCursor } from '../record/cursor.ts'
import type { Preparation } from '../serde/serde.ts'

/** What has to be fetched before the keys and values of records can be read; most serdes need nothing. */
export interface RecordPreparation {
  readonly key?: Preparation
  readonly value?: Preparation
}

/** Of the records that come in on an input of a task; undefined where nothing ever has to be fetched. */
export function preparationOf(graph: Graph, { origin }: TaskInput): RecordPreparation | undefined {
  const all =
    origin.kind === 'source'
      ? topicPreparation(origin.node.topic)
      : // What a re-keying writes as key says of what kind it is, and needs no schema.
        { value: carriedSerde(graph, origin.keyBy).preparation }
  return all.key === undefined && all.value === undefined ? undefined : all
}

/** Of the keys in a task's stores. */
export function keyPreparation({ inputs }: Task): Preparation | undefined {
  const origin = inputs[0]!.origin
  return origin.kind === 'source' ? origin.node.topic.keySerde.preparation : undefined
}

export function topicPreparation({ value, keySerde }: Topic): RecordPreparation {
  return { key: keySerde.preparation, value: value.preparation }
}

/**
 * Begins to fetch what the records that `cursor` has not given yet cannot be read without; gives what is to be waited for.
 * The cursor stands where it stood.
 */
export function fetchFor(cursor: RecordCursor, { key, value }: RecordPreparation): Promise<void>[] {
  const { mark, left, offset } = cursor
  const fetches = new Set<Promise<void>>()
  while (cursor.next()) {
    // A re-keying's marker has no key; its value is no record's.
    const keyed = cursor.keyStart >= 0 && key?.forReading(cursor.buffer, cursor.keyStart, cursor.keyEnd)
    const valued =
      cursor.valueStart >= 0 && value?.forReading(cursor.buffer, cursor.valueStart, cursor.valueEnd)
    if (keyed) fetches.add(keyed)
    if (valued) fetches.add(valued)
  }
  cursor.rewind(mark, left)
  cursor.offset = offset
  return [...fetches]
}

/** Resolves when records can be written to all topics of a pipeline. Rejects with the first reason why not. */
export async function prepareWriting(graph: Graph): Promise<void> {
  const topics = graph.nodes.flatMap(node => (node.kind === 'to' ? [node.topic] : []))
  await Promise.all(topics.map(topic => prepareTopic(topic)))
}

export async function prepareTopic(topic: Topic): Promise<void> {
  const { key, value } = topicPreparation(topic)
  await Promise.all([key?.forWriting(), value?.forWriting()])
}
