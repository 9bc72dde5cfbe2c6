import { setTimeout as sleep } from 'node:timers/promises'
import type { App, Topic } from 'millrace'
import { timeOf } from './access-log.ts'
import { accessLog } from './topics.ts'

/** Event time that passes in a second at speed 1: this log has something to say for a minute of each hour. */
const EVENT_MS_PER_SECOND = 90_000
/** A longer gap between two lines passes as fast as this one. */
const GAP_MS_MAX = 30_000
/** Lines under way at once. */
const BATCH_MAX = 500

/** The time and how to wait for it; a test brings its own. */
export interface Timer {
  now(): number
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>
}

const wallTimer: Timer = {
  now: () => performance.now(),
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
}

export interface ReplayOptions {
  /** 1 lets an hour of this log pass in a second; Infinity does not wait at all. */
  readonly speed: number
  readonly signal?: AbortSignal
  readonly timer?: Timer
}

/**
 * Sends the lines that the topic does not hold yet, in their order, as fast as their times say, and then the end of the input.
 * Rejects with the reason of `signal` when that aborts.
 *
 * The position needs no store of its own, and so cannot differ from what was sent: the topic's next offset is the number of
 * lines in it.
 */
export async function replay(
  app: App,
  lines: AsyncIterable<string>,
  { speed, signal, timer = wallTimer }: ReplayOptions,
): Promise<void> {
  const sent = await recordsIn(app, accessLog)
  const timed = timing(speed)
  let position = 0
  let due = timer.now()
  let batch: TimedLine[] = []
  for await (const line of lines) {
    signal?.throwIfAborted()
    const next = timed(line)
    if (position++ < sent) continue
    due += next.pauseMs
    const waitMs = due - timer.now()
    if (waitMs > 0 || batch.length === BATCH_MAX) {
      await sendAll(app, batch, position - 1 - batch.length)
      batch = []
    }
    if (waitMs > 0) await timer.sleep(waitMs, signal)
    batch.push(next)
  }
  await sendAll(app, batch, position - batch.length)
  const isEnded = sent > position
  if (!isEnded) await app.endInput(accessLog)
}

/** How many records a topic of one partition holds; none before the first one made it. */
export async function recordsIn(app: App, { name }: Pick<Topic, 'name'>): Promise<number> {
  const [topic] = await app.log.describeTopics([name])
  if (topic === undefined) return 0
  const [partition] = await app.log.offsets(name)
  return partition?.latest ?? 0
}

interface TimedLine {
  readonly line: string
  readonly at: number
  /** How long to wait before it is sent: as long as it is younger than all before it. */
  readonly pauseMs: number
}

function timing(speed: number): (line: string) => TimedLine {
  let newest: number | undefined
  return line => {
    // A line without a time will be rejected; until then it has the time of its neighbour.
    const at = timeOf(line) ?? newest ?? Date.now()
    const advanceMs = Math.max(0, at - (newest ?? at))
    newest = Math.max(at, newest ?? at)
    return { line, at, pauseMs: (Math.min(advanceMs, GAP_MS_MAX) / EVENT_MS_PER_SECOND / speed) * 1000 }
  }
}

async function sendAll(app: App, lines: readonly TimedLine[], position: number): Promise<void> {
  const sent = await Promise.all(lines.map(({ line, at }) => app.send(accessLog, line, { timestamp: at })))
  if (sent.some(({ offset }, i) => offset !== position + i))
    throw new Error(
      `Another process writes to "${accessLog.name}"${app.data === undefined ? '' : ` in ${app.data}`}. Stop it, or use another --data`,
    )
}
