import { LogError, type TopicChange, type TopicInfo, type TopicSpec } from './log.ts'

const DEFAULT_RETENTION_MS = 7 * 86_400_000
const NAME = /^[A-Za-z0-9._-]{1,249}$/

/**
 * The topic that `spec` asks for, with the defaults of the logs that are ours (7 days, any size). Throws
 * `LogError` code `invalid-topic` when it cannot be one.
 */
export function topicFrom(spec: TopicSpec, id: string): TopicInfo {
  if (!NAME.test(spec.name) || spec.name === '.' || spec.name === '..') {
    throw new LogError(
      'invalid-topic',
      `'${spec.name}' is not a topic name: use 1 to 249 of A-Z a-z 0-9 . _ -`,
    )
  }
  if (!Number.isSafeInteger(spec.partitions) || spec.partitions < 1) {
    throw new LogError('invalid-topic', `Topic ${spec.name} cannot have ${spec.partitions} partitions`)
  }
  const cleanup = spec.cleanup ?? 'delete'
  return {
    id,
    name: spec.name,
    partitions: spec.partitions,
    cleanup,
    retentionMs: spec.retentionMs ?? (cleanup === 'delete' ? DEFAULT_RETENTION_MS : -1),
    retentionBytes: spec.retentionBytes ?? -1,
    internal: spec.internal ?? false,
  }
}

/** The topic as a change makes it. Throws `LogError` code `topic-mismatch` when it would lose partitions. */
export function alteredTopic(topic: TopicInfo, change: TopicChange): TopicInfo {
  checkGrowth(topic.name, topic.partitions, change.partitions)
  return {
    ...topic,
    partitions: change.partitions ?? topic.partitions,
    cleanup: change.cleanup ?? topic.cleanup,
    retentionMs: change.retentionMs ?? topic.retentionMs,
    retentionBytes: change.retentionBytes ?? topic.retentionBytes,
  }
}

/** Throws `LogError` code `topic-mismatch` where there are more partitions than wanted. */
export function checkGrowth(name: string, partitions: number, wanted = partitions): void {
  if (wanted >= partitions) return
  throw new LogError(
    'topic-mismatch',
    `Topic ${name} has ${partitions} partitions, and none can be taken away; ${wanted} are wanted`,
  )
}
