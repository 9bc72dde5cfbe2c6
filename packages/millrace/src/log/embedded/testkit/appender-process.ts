/** Appends numbered records as fast as it can, several appends at a time, and tells of each that was acknowledged. */
import { openEmbeddedLog } from '../open.ts'
import { batchOf } from './records.ts'

const [directory, name] = process.argv.slice(2)
const log = await openEmbeddedLog({ directory: directory!, walBytes: 1 << 20 })
let next = 0
async function appendForEver(): Promise<void> {
  for (;;) {
    const value = `${name}-${next++}`
    const [offset] = await log.append([{ topic: 't', partition: 0, bytes: batchOf([value]) }])
    process.send!({ type: 'ack', value, offset })
  }
}
await Promise.all([appendForEver(), appendForEver(), appendForEver()])
