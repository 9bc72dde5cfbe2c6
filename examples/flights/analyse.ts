import { setTimeout as sleep } from 'node:timers/promises'
import { type App, start, type Topic } from 'millrace'
import type { Feed, Message } from './feed.ts'
import { boards } from './pipelines/boards.ts'
import { flights } from './pipelines/flights.ts'
import { watch } from './pipelines/watch.ts'
import { weather } from './pipelines/weather.ts'
import { collect, gathered, type Results, type Watch } from './results.ts'
import * as topics from './topics.ts'
import type { Where } from './where.ts'

const pipelines = () => [boards(), weather(), flights(), watch()]
const inputs = {
  departures: topics.departures,
  cancellations: topics.cancellations,
  arrivals: topics.arrivals,
  weather: topics.weather,
}
/** Messages under way at once. */
const BATCH_MAX = 500
const HOUR_MS = 3_600_000

/** Analyses a whole feed as a bounded batch. */
export async function analyseOnce(feed: Feed, where: Where, signal?: AbortSignal): Promise<Results> {
  await sendTables(feed, where)
  {
    await using sender = await start([], where)
    await replay(sender, feed.messages, Number.POSITIVE_INFINITY, signal)
  }
  await rest(where, signal)
  return readResults(where)
}

export interface LiveOptions {
  /** Hours of event time in a second. */
  readonly hoursPerSecond: number
  readonly signal?: AbortSignal
  /** Called with each row soon after it was written. */
  readonly watch: Watch
}

/** Analyses a feed while its messages come in. */
export async function analyseLive(
  feed: Feed,
  where: Where,
  { hoursPerSecond, signal, watch }: LiveOptions,
): Promise<Results> {
  await sendTables(feed, where)
  {
    await using app = await start(pipelines(), where)
    await using reader = await start([collect(watch)], { ...where, app: `${where.app}-watch`, log: app.log })
    const done = replay(app, feed.messages, hoursPerSecond, signal).then(() => allProcessed(app, signal))
    await Promise.race([done, app.failed, reader.failed])
  }
  await rest(where, signal)
  return readResults(where)
}

async function sendTables({ airlines, airports }: Feed, where: Where): Promise<void> {
  await using app = await start([], where)
  await Promise.all(airlines.map(row => app.send(topics.airlines, row)))
  await Promise.all(airports.map(row => app.send(topics.airports, row)))
}

/** Sends messages when they are due, and then the end of each input. */
async function replay(
  app: App,
  messages: readonly Message[],
  hoursPerSecond: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const began = performance.now()
  const eventTime = () =>
    messages[0]!.arrivesAt + ((performance.now() - began) / 1000) * hoursPerSecond * HOUR_MS
  let sent = 0
  while (sent < messages.length) {
    signal?.throwIfAborted()
    const now = eventTime()
    const due = messages
      .slice(sent, sent + BATCH_MAX)
      .filter(({ arrivesAt }) => arrivesAt <= now || now === Number.POSITIVE_INFINITY)
    await Promise.all(due.map(({ topic, value }) => app.send(inputs[topic] as Topic<any>, value)))
    sent += due.length
    if (due.length === 0) await sleep(20, undefined, { signal })
  }
  for (const topic of Object.values(inputs)) await app.endInput(topic as Topic<any>)
}

async function allProcessed(app: App, signal: AbortSignal | undefined): Promise<void> {
  const isDone = () =>
    app
      .health()
      .pipelines.flatMap(({ tasks }) => tasks)
      .every(({ watermark, lag }) => watermark === Number.POSITIVE_INFINITY && lag === 0)
  while (!isDone()) await sleep(20, undefined, { signal })
}

/** A bounded run over what there is: ends when all of it is analysed and committed. */
async function rest(where: Where, signal: AbortSignal | undefined): Promise<void> {
  await using batch = await start(pipelines(), { ...where, once: true, signal })
  await Promise.race([batch.finished, batch.failed])
  signal?.throwIfAborted()
}

async function readResults(where: Where): Promise<Results> {
  const { results, watch } = gathered()
  await using reader = await start([collect(watch)], { ...where, app: `${where.app}-report`, once: true })
  await Promise.race([reader.finished, reader.failed])
  return results
}
