/** A commit thread that stops where it stands, as a process does at SIGSTOP, when it is told to, and sees a test's time where there is one. */
import { BroadcastChannel, isMainThread, workerData } from 'node:worker_threads'
import { systemMachine } from '../machine.ts'
import { serveCommits } from '../serve-commits.ts'
import { TickTime } from './tick-time.ts'

if (!isMainThread) {
  const { freezeChannel, time } = workerData as { freezeChannel: string; time?: SharedArrayBuffer }
  const channel = new BroadcastChannel(freezeChannel)
  channel.onmessage = event => {
    const gate = new Int32Array((event as { data: SharedArrayBuffer }).data)
    Atomics.store(gate, 1, 1)
    Atomics.notify(gate, 1)
    Atomics.wait(gate, 0, 0)
  }
  channel.unref()
  serveCommits(time === undefined ? systemMachine() : TickTime.machine(time))
}
