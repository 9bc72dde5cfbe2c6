import { randomUUID } from 'node:crypto'
import { BroadcastChannel, Worker } from 'node:worker_threads'
import { fileSystemType } from '../file-system.ts'
import type { Surroundings } from '../open.ts'
import { TickTime } from './tick-time.ts'

/** Surroundings whose commit thread can be frozen. */
export interface Freezable extends Surroundings {
  /** Resolves when the thread stands still. */
  freeze(): Promise<void>
  thaw(): void
}

/** `time` takes the place of the machine's. */
export function freezable(time?: TickTime): Freezable {
  const freezeChannel = randomUUID()
  let gate = new Int32Array(new SharedArrayBuffer(8))
  return {
    fileSystemOf: fileSystemType,
    ...(time !== undefined && { machine: TickTime.machine(time.memory) }),
    startThread: options =>
      new Worker(new URL('./freezable-thread.ts', import.meta.url), {
        workerData: { ...options, freezeChannel, time: time?.memory },
      }),
    freeze: async () => {
      gate = new Int32Array(new SharedArrayBuffer(8))
      const frozen = Atomics.waitAsync(gate, 1, 0)
      const channel = new BroadcastChannel(freezeChannel)
      channel.postMessage(gate.buffer)
      // The promise of waitAsync alone does not keep the process alive; the open channel does.
      if (frozen.async) await frozen.value
      channel.close()
    },
    thaw: () => {
      Atomics.store(gate, 0, 1)
      Atomics.notify(gate, 0)
    },
  }
}
