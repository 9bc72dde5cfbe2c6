import { randomUUID } from 'node:crypto'
import { BroadcastChannel, Worker } from 'node:worker_threads'
import { fileSystemType } from '../file-system.ts'
import type { Surroundings } from '../open.ts'

/** Surroundings whose commit thread can be frozen. */
export interface Freezable extends Surroundings {
  /** Resolves when the thread stands still. */
  freeze(): Promise<void>
  thaw(): void
}

export function freezable(): Freezable {
  const freezeChannel = randomUUID()
  let gate = new Int32Array(new SharedArrayBuffer(8))
  return {
    fileSystemOf: fileSystemType,
    startThread: options =>
      new Worker(new URL('./freezable-thread.ts', import.meta.url), {
        workerData: { ...options, freezeChannel },
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
