import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../std/clock.ts'
import { CommitHost } from './commit-host.ts'
import type { Machine } from './machine.ts'
import type { ThreadOptions } from './protocol.ts'
import { toWire } from './wire-error.ts'

/** Makes this thread a commit thread; its first message is the port of the handle that started it. */
export function serveCommits(machine: Machine): void {
  const options = workerData as ThreadOptions
  parentPort!.once('message', ({ port }: { port: MessagePort }) => {
    try {
      new CommitHost(options, machine, systemClock).connect(port)
      parentPort!.postMessage({ ready: true })
    } catch (error) {
      parentPort!.postMessage({ failure: toWire(error, options.directory) })
      port.close()
    }
  })
}
