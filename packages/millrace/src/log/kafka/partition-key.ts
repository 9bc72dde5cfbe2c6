import type { TopicPartition } from '../log.ts'

/** One text per partition, to look it up by. */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
