import type { Log } from '../../packages/millrace/src/log/log.ts'
import { Digest } from '../data/digest.ts'
import { partitions } from '../data/input.ts'
import { resultText, type Workload } from '../data/oracle.ts'
import { outputTopic } from '../engine/pipelines.ts'
import { topicRecords } from './topic-records.ts'

/** Reads every result back from the log into the text that the oracle gives. */
export async function digestOf(log: Log, workload: Workload): Promise<string> {
  const digest = new Digest()
  for await (const { buffer, keyStart, keyEnd, valueStart, valueEnd, timestamp } of topicRecords(
    log,
    outputTopic,
    partitions,
  )) {
    const key = buffer.toString('latin1', keyStart, keyEnd)
    digest.add(resultText(workload, key, timestamp, buffer.toString('latin1', valueStart, valueEnd)))
  }
  return digest.text
}
