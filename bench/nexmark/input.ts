import type { Log, OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { BatchWriter } from '../../packages/millrace/src/record/writer.ts'
import { NexmarkGenerator, type Preset } from './generator.ts'

export const eventsTopic = 'nexmark'
export const partitions = 4

const batchBytes = 192 * 1024

/** Appends the first `count` events to the topic, in turn to its partitions and without keys; the time of an event is that of its record. */
export async function fill(log: Log, preset: Preset, count: number, group: number): Promise<void> {
  await log.createTopics([{ name: eventsTopic, partitions, retentionMs: -1, retentionBytes: -1 }])
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
