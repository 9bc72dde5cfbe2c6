import { setTimeout } from 'node:timers/promises'
import type { ConformanceStore } from '../../conformance.ts'
import type { Log } from '../../log.ts'
import { openKafkaIn } from '../open.ts'
import { testBrokers } from './brokers.ts'
import { type Freezable, freezable } from './freezable.ts'
import { prefixedLog } from './prefixed-log.ts'

/** A store on the test's brokers that no other test sees. Every handle has connections of its own, as if it were a process. */
export async function kafkaStore(isFlow1: boolean): Promise<ConformanceStore> {
  const prefix = `t${crypto.randomUUID().slice(0, 8)}.`
  const handles = new Map<Log, Freezable>()
  const open = async () => {
    const surroundings = freezable()
    const log = await openKafkaIn(
      { dial: surroundings.dial, isFlow1 },
      { brokers: testBrokers(), clock: surroundings.clock },
    )
    const prefixed = prefixedLog(log, prefix)
    handles.set(prefixed, surroundings)
    return prefixed
  }
  const closeAll = async () => {
    for (const [handle, surroundings] of handles) {
      surroundings.thaw()
      await handle.close()
    }
    handles.clear()
  }
  return {
    open,
    restart: closeAll,
    advance: async ms => {
      await setTimeout(ms)
    },
    now: () => Date.now(),
    freeze: async log => handles.get(log)!.freeze(),
    thaw: async log => handles.get(log)!.thaw(),
    destroy: async () => {
      await closeAll()
      const cleaner = await open()
      const topics = await cleaner.describeTopics()
      if (topics.length > 0) await cleaner.deleteTopics(topics.map(topic => topic.name))
      await closeAll()
    },
  }
}
