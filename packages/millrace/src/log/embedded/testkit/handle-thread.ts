/** A handle in a worker thread: appends what it is told to and answers what it reads. */
import { parentPort, workerData } from 'node:worker_threads'
import type { EmbeddedLogPort } from '../embedded-log.ts'
import { connectEmbeddedLog } from '../open.ts'
import { allValues, batchOf } from './records.ts'

const log = connectEmbeddedLog(workerData as EmbeddedLogPort)
parentPort!.on('message', async ({ append, waitFrom }: { append?: string; waitFrom?: number }) => {
  if (append !== undefined) {
    const [offset] = await log.append([{ topic: 't', partition: 0, bytes: batchOf([append]) }])
    parentPort!.postMessage({ offset })
  } else if (waitFrom !== undefined) {
    const limits = { maxWaitMs: 60_000, maxBytes: 1 << 20, partitionMaxBytes: 1 << 20 }
    const [found] = await log.fetch([{ topic: 't', partition: 0, offset: waitFrom }], limits)
    parentPort!.postMessage({ batches: found!.batches.length })
  } else {
    parentPort!.postMessage({ values: await allValues(log, 't') })
    await log.close()
    parentPort!.close()
  }
})
