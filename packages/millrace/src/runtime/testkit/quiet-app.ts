/**
 * Runs pipelines on the embedded log, one of them failing, lets everything go idle for a while, stops, and ends
 * by itself. What it has to say goes to standard error; the library must not write to standard output.
 */

import { pipeline as define, json, topic } from '../../index.ts'
import { start } from '../start.ts'
import pipeline, { visits } from './visits.ts'

const [data, idleMs] = process.argv.slice(2) as [string, string]

const broken = define('broken', p => {
  p.from(visits, { idle: '100ms' })
    .filter(() => {
      throw new Error('always')
    })
    .to(topic('never', { value: json<object>() }))
})
const app = await start([pipeline, broken], { app: 'quiet', data })
const at = 1_700_000_000_000
await Promise.all(
  Array.from({ length: 2000 }, (_, i) =>
    app.send(visits, { visitor: `v${i % 9}`, page: '/', ms: 1, at: at + i * 100 }),
  ),
)
await app.failed.catch(() => {})
const wait = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
// What came is worked off, and caches and the like have settled.
await wait(1_500)
// Where other programs are busy the same work takes longer, so the quietest of three parts is what counts.
const partMs = Number(idleMs) / 3
let busy = 1
for (let part = 0; part < 3; part++) {
  const before = process.cpuUsage()
  await wait(partMs)
  const { user, system } = process.cpuUsage(before)
  busy = Math.min(busy, (user + system) / 1000 / partMs)
}
const signals = ['SIGINT', 'SIGTERM'].filter(signal => process.listenerCount(signal) > 0)
console.error(JSON.stringify({ busy, signals, status: app.health().status }))
await app.stop()
