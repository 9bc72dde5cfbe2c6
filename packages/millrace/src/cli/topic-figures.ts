import type { Log, PartitionOffsets, TopicInfo } from '../log/log.ts'
import { CliError } from './cli-error.ts'

/** A topic with what lies in it. */
export interface TopicFigures extends TopicInfo {
  /** Between the earliest and the latest offsets; compaction may have taken some of them. */
  readonly records: number
  /** Absent where the log does not tell. */
  readonly bytes?: number
  readonly offsets: readonly PartitionOffsets[]
}

export async function topicFigures(log: Log, info: TopicInfo): Promise<TopicFigures> {
  const offsets = await log.offsets(info.name)
  const records = offsets.reduce((sum, { earliest, latest }) => sum + latest - earliest, 0)
  const isKnown = offsets.every(({ bytes }) => bytes !== undefined)
  const bytes = offsets.reduce((sum, { bytes = 0 }) => sum + bytes, 0)
  return { ...info, records, ...(isKnown && { bytes }), offsets }
}

/** Throws `CliError` with the names that come close when there is no such topic. */
export async function existingTopic(log: Log, name: string): Promise<TopicInfo> {
  const infos = await log.describeTopics()
  const found = infos.find(info => info.name === name)
  if (found !== undefined) return found
  const near = infos.map(info => info.name).filter(other => isNear(other, name))
  const wayOut =
    near.length > 0
      ? `${near.slice(0, 3).join(', ')}`
      : 'millrace topics shows which there are; millrace topics create makes one'
  throw new CliError(`There is no topic ${name}`, { wayOut })
}

function isNear(a: string, b: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z0-9]/g, '')
  return (
    plain(a).includes(plain(b)) ||
    plain(b).includes(plain(a)) ||
    plain(a).slice(0, 4) === plain(b).slice(0, 4)
  )
}
