/** Appends until the log refuses, once more after that, and prints how many were acknowledged and both errors. */
import { openEmbeddedLog } from '../open.ts'
import { batchOf } from './records.ts'

const log = await openEmbeddedLog({ directory: process.argv[2]!, walBytes: 1 << 30 })
const append = (i: number) =>
  log.append([{ topic: 't', partition: 0, bytes: batchOf([`${i} ${'x'.repeat(100_000)}`]) }])
let acknowledged = 0
const refused = async () => {
  for (;;) {
    await append(acknowledged)
    acknowledged++
  }
}
const first = (await refused().catch(error => error)) as Error & { code: string }
const second = (await append(-1).catch(error => error)) as Error & { code: string }
console.log(acknowledged)
for (const { name, code, message } of [first, second]) console.log(name, code, message)
process.exit(0)
