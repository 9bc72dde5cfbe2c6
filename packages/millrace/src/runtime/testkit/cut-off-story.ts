import assert from 'node:assert/strict'
import { count, type Duration, json, pipeline, topic, tumbling } from '../../index.ts'
import type { Log } from '../../log/log.ts'
import { systemClock } from '../../std/clock.ts'
import { Sender } from '../sender.ts'
import { readTopic } from './read-topic.ts'
import { type RunningPipeline, until } from './run-pipeline.ts'

interface View {
  user: string
  at: number
}

const t0 = Date.UTC(2026, 0, 1)
export const cutOffUsers = ['ada', 'ben', 'cleo', 'dan', 'eva', 'finn']

/** Views in two partitions, of which the log may lose sight of the first one. */
export function cutOffPipeline({ idle, prefix = '' }: { idle: Duration; prefix?: string }) {
  const views = topic(`${prefix}views`, { value: json<View>(), partitions: 2, timestamp: v => v.at })
  const seen = topic(`${prefix}seen`, { value: json<{ n: number }>(), partitions: 1 })
  const closed = topic(`${prefix}closed`, { value: json<{ n: number }>(), partitions: 1 })
  const counting = pipeline(`${prefix}counting`, { commitInterval: 20 }, p => {
    const perMinute = p
      .from(views, { idle, outOfOrder: 0 })
      .keyBy('user')
      .window(tumbling('1m'))
      .aggregate('per-minute', { n: count() })
    perMinute.emit('updates').to(seen)
    perMinute.emit('final').to(closed)
  })
  return { counting, views, seen, closed }
}

export interface CutOff {
  readonly running: RunningPipeline
  readonly parts: ReturnType<typeof cutOffPipeline>
  /** Those whose windows are not out of sight themselves. */
  readonly users: readonly string[]
  /** One that nothing happens to. */
  readonly log: Log
  /** From now on nothing comes from the broker of the first partition. Gives how often that was felt so far. */
  cut(): () => number
  mend(): void
  /** What happens between two looks. */
  pass(): Promise<void>
}

/**
 * Cuts the first partition off for longer than `idle`: the window that it holds open stays open, and has what was sent meanwhile
 * once the partition is back.
 */
export async function tellCutOff({ running, parts, users, log, cut, mend, pass }: CutOff): Promise<void> {
  const { views, seen, closed } = parts
  const sender = new Sender(log, systemClock)
  const send = (partition: number, atMs: number) =>
    Promise.all(users.map(user => sender.send(views, { user, at: t0 + atMs }, { partition })))
  const look = (condition: () => boolean | Promise<boolean>) =>
    until(running, async () => {
      if (await condition()) return true
      await pass()
      return false
    })
  const updates = async () => (await readTopic(log, seen.name)).length
  const rows = async () => {
    const all = await readTopic(log, closed.name)
    return all.map(({ key, value }) => `${key} ${(JSON.parse(value!) as { n: number }).n}`).sort()
  }
  const isReleased = (partition: number) => {
    const task = running.run.tasks.find(({ inputs }) =>
      inputs.some(input => input.topic === views.name && input.partition === partition),
    )!
    return task.time.isReleased(0)
  }

  await send(0, 1_000)
  await send(1, 2_000)
  await look(async () => (await updates()) === 2 * users.length)
  const felt = cut()
  await look(() => felt() > 0)
  assert.equal(isReleased(0), false, 'cut off too late')
  await send(1, 600_000)
  await look(async () => (await updates()) === 3 * users.length)
  await look(() => isReleased(1))
  // What comes now would close the first minute, were it not for the partition that is out of sight.
  await send(1, 700_000)
  await look(async () => (await updates()) === 4 * users.length)
  await look(() => isReleased(1))
  assert.equal(isReleased(0), false, 'nothing is known of it')
  assert.deepEqual(await rows(), [])

  await send(0, 3_000)
  mend()
  await look(async () => (await updates()) === 5 * users.length)
  await look(async () => (await rows()).length >= 3 * users.length)
  const minutes = users.flatMap(user => [`${user} 1`, `${user} 1`, `${user} 3`])
  assert.deepEqual(await rows(), minutes)
}
