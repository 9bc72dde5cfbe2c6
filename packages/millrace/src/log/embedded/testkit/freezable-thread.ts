/** A commit thread that stops where it stands, as a process does at SIGSTOP, when it is told to. */
import { BroadcastChannel, isMainThread, workerData } from 'node:worker_threads'

if (!isMainThread) {
  const channel = new BroadcastChannel((workerData as { freezeChannel: string }).freezeChannel)
  channel.onmessage = event => {
    const gate = new Int32Array((event as { data: SharedArrayBuffer }).data)
    Atomics.store(gate, 1, 1)
    Atomics.notify(gate, 1)
    Atomics.wait(gate, 0, 0)
  }
  channel.unref()
  await import('../commit-thread.ts')
}
