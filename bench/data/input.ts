import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Log, OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { padded } from '../../packages/millrace/src/record/batch.ts'
import { BatchWriter } from '../../packages/millrace/src/record/writer.ts'
import { partitionOf } from '../../packages/millrace/src/std/murmur2.ts'
import { events } from './events.ts'

export const partitions = 4
export const inputTopic = 'events'
/** As large as a producer's batches usually are: about a thousand records. */
const batchBytes = 192 * 1024

/** Creates topics that keep everything, so that nothing is cleaned up meanwhile. */
export function createTopics(log: Log, names: readonly string[]): Promise<void> {
  const kept = { partitions, retentionMs: -1, retentionBytes: -1 }
  return log.createTopics(names.map(name => ({ name, ...kept })))
}

/** Makes the file of the first `count` events as record batches, unless it is there; gives its path. Without `users` there are 100,000. */
export function inputFile(directory: string, count: number, users?: number): string {
  const path = join(directory, `events-${count}${users === undefined ? '' : `-of-${users}`}.batches`)
  if (existsSync(path)) return path
  const fd = openSync(`${path}.new`, 'w')
  const writers = Array.from(
    { length: partitions },
    () => new BatchWriter({ initialBytes: batchBytes + 4096 }),
  )
  const seal = (partition: number) => {
    const bytes = writers[partition]!.finish()
    const head = Buffer.alloc(8)
    head.writeUInt32LE(partition, 0)
    head.writeUInt32LE(bytes.length, 4)
    writeSync(fd, head)
    writeSync(fd, bytes)
  }
  const key = Buffer.alloc(64)
  const value = Buffer.alloc(1024)
  for (const event of events(count, users)) {
    const keyEnd = key.write(event.user, 0, 'latin1')
    const valueEnd = value.write(JSON.stringify(event), 0, 'latin1')
    const partition = partitionOf(key, 0, keyEnd, partitions)
    const writer = writers[partition]!
    writer.append(event.at, key, 0, keyEnd, value, 0, valueEnd)
    if (writer.byteLength >= batchBytes) seal(partition)
  }
  writers.forEach((writer, partition) => {
    if (writer.count > 0) seal(partition)
  })
  closeSync(fd)
  renameSync(`${path}.new`, path)
  return path
}

/** The batches of an input file, each in memory of its own, for `topic`. */
export function* inputBatches(path: string, topic: string): Generator<OutgoingBatch> {
  const bytes = readWhole(path)
  for (let at = 0; at < bytes.length; ) {
    const partition = bytes.readUInt32LE(at)
    const end = at + 8 + bytes.readUInt32LE(at + 4)
    yield { topic, partition, bytes: padded(bytes.subarray(at + 8, end)) }
    at = end
  }
}

function readWhole(path: string): Buffer {
  return readFileSync(path)
}
