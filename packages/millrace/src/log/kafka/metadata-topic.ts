import type { TopicSpec } from '../log.ts'

/** Several, so that a busy group does not write all of it to one broker. */
const partitions = 4
/** What is being written to is never compacted, so it must come to an end now and then. */
const segmentBytes = 64 * 1024 * 1024

/** Of so many upstream tasks the times fit beside a position, whatever they are. */
export const upstreamsBesideMax = 120

/** The topic that holds what is too long to stand beside a group's positions (SEMANTICS 2.1); no step has its name. */
export function metadataTopic(group: string): string {
  return `${group}.repartition.changelog`
}

export function metadataTopicSpec(group: string): TopicSpec {
  return {
    name: metadataTopic(group),
    partitions,
    cleanup: 'compact',
    retentionMs: -1,
    retentionBytes: -1,
    internal: true,
    kafka: { 'segment.bytes': String(segmentBytes) },
  }
}
