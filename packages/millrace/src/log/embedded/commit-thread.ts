/** The entry of the commit thread; its first message is the port of the handle that started it. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../std/clock.ts'
import { CommitHost } from './commit-host.ts'
import { systemMachine } from './machine.ts'
import type { ThreadOptions } from './protocol.ts'
import { toWire } from './wire-error.ts'

const options = workerData as ThreadOptions

parentPort!.once('message', ({ port }: { port: MessagePort }) => {
  try {
    new CommitHost(options, systemMachine(), systemClock).connect(port)
    parentPort!.postMessage({ ready: true })
  } catch (error) {
    parentPort!.postMessage({ failure: toWire(error, options.directory) })
    port.close()
  }
})
