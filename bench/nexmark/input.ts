import type { Log, OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { BatchWriter } from '../../packages/millrace/src/record/writer.ts'
import { partitionOf } from '../../packages/millrace/src/std/murmur2.ts'
import { NexmarkGenerator, type Preset } from './generator.ts'

export const eventsTopic = 'nexmark'
/** A table beside the stream: `{ value: 'i' }` under the keys i from 0 to 9999. */
export const sideTopic = 'side'
const sideRows = 10_000
export const partitions = 4

const batchBytes = 192 * 1024

/** Appends the first `count` events to the topic, in turn to its partitions and without keys; the time of an event is that of its record. */
export async function fill(log: Log, preset: Preset, count: number, group: number): Promise<void> {
  await log.createTopics([{ name: eventsTopic, partitions, retentionMs: -1, retentionBytes: -1 }])
  await fillSide(log, preset)
  const writers = Array.from(
    { length: partitions },
    () => new BatchWriter({ initialBytes: batchBytes + 4096 }),
  )
  const value = Buffer.alloc(4096)
  let waiting: OutgoingBatch[] = []
  const seal = (partition: number) => {
    const bytes = writers[partition]!.finish()
    waiting.push({ topic: eventsTopic, partition, bytes: Uint8Array.from(bytes) })
  }
  let k = 0
  for (const { time, event } of new NexmarkGenerator(preset).events(count, group)) {
    const partition = k++ % partitions
    const end = value.write(JSON.stringify(event), 0, 'latin1')
    writers[partition]!.append(time, value, -1, -1, value, 0, end)
    if (writers[partition]!.byteLength >= batchBytes) seal(partition)
    if (waiting.length < 64) continue
    await log.append(waiting)
    waiting = []
  }
  for (let partition = 0; partition < partitions; partition++)
    if (writers[partition]!.count > 0) seal(partition)
  await log.append(waiting)
}

async function fillSide(log: Log, { baseTime }: Preset): Promise<void> {
  await log.createTopics([
    { name: sideTopic, partitions, cleanup: 'compact', retentionMs: -1, retentionBytes: -1 },
  ])
  const writers = Array.from({ length: partitions }, () => new BatchWriter({ initialBytes: batchBytes }))
  const key = Buffer.alloc(16)
  const value = Buffer.alloc(64)
  for (let i = 0; i < sideRows; i++) {
    const keyEnd = key.write(String(i), 0, 'latin1')
    const end = value.write(JSON.stringify({ value: String(i) }), 0, 'latin1')
    writers[partitionOf(key, 0, keyEnd, partitions)]!.append(baseTime, key, 0, keyEnd, value, 0, end)
  }
  await log.append(
    writers.map((writer, partition) => ({
      topic: sideTopic,
      partition,
      bytes: Uint8Array.from(writer.finish()),
    })),
  )
}
