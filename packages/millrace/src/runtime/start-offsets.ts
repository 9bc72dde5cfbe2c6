import { type FetchPosition, type Log, LogError } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { groupName } from '../plan/names.ts'
import { checkedStart, type Start } from '../plan/start.ts'

/**
 * Decides where the sources begin that a pipeline's group has never read, and writes that down as the group's positions
 * (SEMANTICS 1.6): once and for all partitions, so that neither a restart nor another member decides again. Call it before
 * joining. `start` goes before what the sources say themselves.
 */
export async function recordStart(log: Log, app: string, graph: Graph, start?: Start): Promise<void> {
  const group = groupName(app, graph.name)
  const unread = await unreadSources(log, group, graph, start)
  if (unread.length === 0) return
  const positions = await Promise.all(unread.map(source => firstOffsets(log, source)))
  try {
    await log.resetGroup(group, positions.flat())
  } catch (error) {
    if (!(error instanceof LogError) || error.code !== 'group-active') throw error
    // A process that started at the same moment may have decided meanwhile.
    const [left] = await unreadSources(log, group, graph, start)
    if (left === undefined) return
    throw new LogError(
      'group-active',
      `Where to begin reading ${left.topic} cannot be recorded while others run ${group}: stop them and start again, ` +
        `or read it from its earliest record`,
      { cause: error },
    )
  }
}

function refusal(message: string, wayOut: string): Error {
  return new Error(`${message}; ${wayOut}`)
}

interface Unread {
  readonly topic: string
  readonly start: 'latest' | number
}

/** Sources without any position whose beginning is not simply the earliest record. */
async function unreadSources(
  log: Log,
  group: string,
  graph: Graph,
  override: Start | undefined,
): Promise<Unread[]> {
  const everywhere = override === undefined ? undefined : checkedStart(override, refusal)
  const asked = graph.nodes.flatMap((node): Unread[] => {
    if (node.kind !== 'source' || node.isGlobal) return []
    const start = everywhere ?? node.start
    return start === 'earliest' ? [] : [{ topic: node.topic.name, start }]
  })
  if (asked.length === 0) return []
  const read = new Set((await log.describeGroup(group))?.positions.map(({ topic }) => topic))
  return asked.filter(({ topic }) => !read.has(topic))
}

async function firstOffsets(log: Log, { topic, start }: Unread): Promise<FetchPosition[]> {
  const partitions = await log.offsets(topic)
  return Promise.all(
    partitions.map(async ({ partition, latest }) => ({
      topic,
      partition,
      offset: start === 'latest' ? latest : await log.offsetForTime(topic, partition, start),
    })),
  )
}
