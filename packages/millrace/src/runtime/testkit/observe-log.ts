import type { Log } from '../../log/log.ts'
import type { Graph } from '../../plan/graph.ts'
import { sideTopic } from '../../plan/names.ts'
import { RecordCursor } from '../../record/cursor.ts'
import { readHeaders } from '../../record/headers.ts'
import type { ObservedRecord, ObservedRun, ObservedSideRecord } from '../../testing/reference/observed-run.ts'

/** What a pipeline left in a log, to be held against the reference model. */
export async function observeLog(log: Log, app: string, graph: Graph): Promise<ObservedRun> {
  const sinks = graph.nodes.flatMap(node => (node.kind === 'to' ? [node.topic.name] : []))
  const outputs = new Map<string, ObservedRecord[]>()
  for (const topic of sinks) outputs.set(topic, await collect(log, topic, outputRecord))
  const sideStreams = new Map<string, ObservedSideRecord[]>()
  for (const side of ['failed', 'rejected', 'late'] as const) {
    const topic = sideTopic(app, graph.name, side)
    const exists = (await log.describeTopics([topic])).length > 0
    sideStreams.set(side, exists ? await collect(log, topic, sideRecord) : [])
  }
  return { outputs, sideStreams }
}

async function collect<T>(
  log: Log,
  topic: string,
  view: (cursor: RecordCursor, partition: number) => T,
): Promise<T[]> {
  const seen: T[] = []
  const cursor = new RecordCursor()
  const limits = { maxWaitMs: 0, maxBytes: 1 << 26, partitionMaxBytes: 1 << 26 }
  for (const { partition, earliest, latest } of await log.offsets(topic)) {
    for (let offset = earliest; offset < latest; ) {
      const [fetched] = await log.fetch([{ topic, partition, offset }], limits)
      if (fetched!.error !== undefined) throw fetched!.error
      for (const batch of fetched!.batches) {
        cursor.open(batch)
        while (cursor.next()) seen.push(view(cursor, partition))
        offset = cursor.lastOffset + 1
      }
    }
  }
  return seen
}

function outputRecord(cursor: RecordCursor, partition: number): ObservedRecord {
  const value = bytes(cursor, cursor.valueStart, cursor.valueEnd)
  return {
    partition,
    key: bytes(cursor, cursor.keyStart, cursor.keyEnd),
    value: value === null ? null : JSON.parse(value.toString()),
    timestamp: cursor.timestamp,
  }
}

function sideRecord(cursor: RecordCursor): ObservedSideRecord {
  const headers = new Map(
    readHeaders(cursor.buffer, cursor.headersStart, cursor.headersEnd).map(({ key, value }) => [
      key,
      Buffer.from(value ?? []).toString(),
    ]),
  )
  const step = headers.get('millrace.step')!
  return {
    step: step.startsWith('to(') ? 'to' : step,
    key: bytes(cursor, cursor.keyStart, cursor.keyEnd),
    timestamp: cursor.timestamp,
  }
}

function bytes(cursor: RecordCursor, start: number, end: number): Buffer | null {
  return start < 0 ? null : Buffer.from(cursor.buffer.subarray(start, end))
}
