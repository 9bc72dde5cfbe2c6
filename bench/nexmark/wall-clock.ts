import type { Pipeline, Topic } from 'millrace'
import { testDriver } from 'millrace/testing'
import type { NexmarkEvent } from './events.ts'
import { NexmarkGenerator, type Preset } from './generator.ts'

/** How far the wall clock is ahead of the beginning of the second whose events come: no multiple of a window, so that the two times differ. */
export const lagMs = 3_000

/** Longer than any window by the wall clock. */
const restMs = 60_000

/** Events of a preset, in the order that their group gives them. */
export interface Input {
  readonly preset: Preset
  readonly count: number
  readonly group: number
}

/** Runs a pipeline under a clock that follows the events, and gives the values that it wrote to `results`. */
export async function runByWallClock(
  program: Pipeline,
  events: Topic<NexmarkEvent>,
  results: Topic<any, any>,
  { preset, count, group }: Input,
): Promise<Record<string, unknown>[]> {
  const seconds = new Map<number, NexmarkEvent[]>()
  for (const { time, event } of new NexmarkGenerator(preset).events(count, group)) {
    const second = time - (time % 1000)
    const sameSecond = seconds.get(second)
    if (sameSecond === undefined) seconds.set(second, [event])
    else sameSecond.push(event)
  }
  await using driver = await testDriver([program], { startTime: preset.baseTime, freeze: false })
  const input = driver.input(events)
  for (const second of [...seconds.keys()].sort((a, b) => a - b)) {
    await driver.advance(second + lagMs - driver.now)
    await input.sendAll(seconds.get(second)!, (_, i) => ({ partition: i % events.partitions }))
  }
  await driver.advance(restMs)
  return (await driver.output(results).values()) as Record<string, unknown>[]
}
