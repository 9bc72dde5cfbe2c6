import { setTimeout } from 'node:timers/promises'
import { systemClock } from '../../std/clock.ts'
import { describeLogConformance } from '../conformance.ts'
import type { Log } from '../log.ts'
import { openIn } from './open.ts'
import { temporaryDirectory } from './testkit/directory.ts'
import { type Freezable, freezable } from './testkit/freeze.ts'
import { TickTime } from './testkit/tick-time.ts'

/** Every handle has a commit thread of its own, as if it were a process. */
describeLogConformance(
  'embedded',
  async () => {
    const { directory, remove } = await temporaryDirectory()
    const handles = new Map<Log, Freezable>()
    const time = new TickTime()
    let leaptMs = 0
    const clock = { ...systemClock, now: () => systemClock.now() + leaptMs }
    const closeAll = async () => {
      for (const [handle, thread] of handles) {
        thread.thaw()
        await handle.close()
      }
      handles.clear()
    }
    return {
      open: async () => {
        const thread = freezable(time)
        const log = await openIn(thread, { directory, clock })
        handles.set(log, thread)
        return log
      },
      restart: closeAll,
      advance: async ms => {
        await setTimeout(ms)
      },
      now: () => clock.now(),
      leap: ms => {
        leaptMs += ms
      },
      freeze: async log => {
        await handles.get(log)!.freeze()
      },
      thaw: async log => {
        handles.get(log)!.thaw()
      },
      destroy: async () => {
        await closeAll()
        time.stop()
        await remove()
      },
    }
  },
  { sessionTimeoutMs: 1_000, concurrency: 2 },
)
