import type { Log, OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { BatchWriter } from '../../packages/millrace/src/record/writer.ts'
import { partitionOf } from '../../packages/millrace/src/std/murmur2.ts'
import { type Item, inputTopic, outputTopic } from './cases.ts'

const batchBytes = 192 * 1024
const appendBytes = 8 << 20

/** Creates both topics, which keep everything, and fills the input. */
export async function fill(log: Log, partitions: number, items: Iterable<Item>): Promise<void> {
  const kept = { retentionMs: -1, retentionBytes: -1 }
  await log.createTopics([
    { name: inputTopic, partitions, ...kept },
    { name: outputTopic, partitions: 1, ...kept },
  ])
  let waiting: OutgoingBatch[] = []
  let bytes = 0
  for (const batch of batches(partitions, items)) {
    waiting.push(batch)
    bytes += batch.bytes.length
    if (bytes < appendBytes) continue
    await log.append(waiting)
    waiting = []
    bytes = 0
  }
  await log.append(waiting)
}

function* batches(partitions: number, items: Iterable<Item>): Generator<OutgoingBatch> {
  const writers = Array.from(
    { length: partitions },
    () => new BatchWriter({ initialBytes: batchBytes + 4096 }),
  )
  const keyBytes = Buffer.alloc(16)
  const valueBytes = Buffer.alloc(64)
  const seal = (partition: number) => ({ topic: inputTopic, partition, bytes: writers[partition]!.finish() })
  for (const { key, ms, at } of items) {
    const name = `u${key}`
    const keyEnd = keyBytes.write(name, 0, 'latin1')
    const valueEnd = valueBytes.write(`{"k":"${name}","ms":${ms}}`, 0, 'latin1')
    const partition = partitionOf(keyBytes, 0, keyEnd, partitions)
    writers[partition]!.append(at, keyBytes, 0, keyEnd, valueBytes, 0, valueEnd)
    if (writers[partition]!.byteLength >= batchBytes) yield seal(partition)
  }
  for (let partition = 0; partition < partitions; partition++)
    if (writers[partition]!.count > 0) yield seal(partition)
}

/** One record that moves the time of every partition. */
export async function appendEnd(log: Log, partitions: number, at: number): Promise<void> {
  const key = Buffer.from('end')
  const value = Buffer.from('{"k":"end","ms":0}')
  for (let partition = 0; partition < partitions; partition++) {
    const writer = new BatchWriter()
    writer.append(at, key, 0, key.length, value, 0, value.length)
    await log.append([{ topic: inputTopic, partition, bytes: writer.finish() }])
  }
}
