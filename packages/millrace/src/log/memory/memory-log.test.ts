import { setImmediate } from 'node:timers/promises'
import { VirtualClock } from '../../std/clock.ts'
import { describeLogConformance } from '../conformance.ts'
import { MemoryBroker } from './broker.ts'
import { MemoryLog } from './memory-log.ts'

describeLogConformance('memory', async () => {
  const clock = new VirtualClock(1_700_000_000_000)
  const broker = new MemoryBroker({ clock })
  const handles: MemoryLog[] = []
  const settled = async () => {
    for (let i = 0; i < 3; i++) await setImmediate()
  }
  const closeAll = async () => {
    for (const handle of handles.splice(0)) await handle.close()
  }
  return {
    open: async () => {
      const log = new MemoryLog(broker, { pid: handles.length + 1 })
      handles.push(log)
      return log
    },
    restart: closeAll,
    advance: async ms => {
      await settled()
      clock.advance(ms)
      await settled()
    },
    now: () => clock.now(),
    leap: ms => clock.advance(ms),
    freeze: async log => (log as MemoryLog).freeze(),
    thaw: async log => (log as MemoryLog).thaw(),
    destroy: closeAll,
  }
})
