/**
 * `npm run test:kill [-- --seed N] [--kills N] [--records N] [--only atomic|positions-first|output-first]`: worker processes over one data
 * directory are killed at random and at every named point of a commit, frozen and stopped; what they leave must equal a
 * sequential run. Then the same storm meets two logs whose commits are not atomic, and the loss or the duplicates must be found.
 */
import { parseArgs } from 'node:util'
import { Checks } from './kill/checks.ts'
import { embeddedGround } from './kill/ground.ts'
import { Cap, commitPoints, control, occasionally, storm } from './kill/storm.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    kills: { type: 'string', default: '100' },
    records: { type: 'string', default: '100000' },
    only: { type: 'string' },
  },
})
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
console.log(`seed ${seed}; again with: npm run test:kill -- --seed ${seed}`)
const checks = new Checks()
const cap = new Cap(10 * 60_000, checks)
const common = {
  seed,
  ground: embeddedGround,
  sessionTimeoutMs: 1_000,
  onProgress: occasionally(),
  onBegun: (report: Cap['report']) => {
    cap.report = report
  },
}
const wants = (mode: string) => values.only === undefined || values.only === mode
if (wants('atomic')) {
  const [kills, records] = [Number(values.kills), Number(values.records)]
  const memberCounts = [1, 2, 2, 3, 3]
  const pace = { kills, records, recordsPerSecond: 3_500, memberCounts, stormMs: 5 * 60_000 }
  await storm(checks, { ...common, ...pace, points: commitPoints })
}
if (wants('positions-first')) await control(checks, 'positions-first', common)
if (wants('output-first')) await control(checks, 'output-first', common)
cap.lift()
console.log(`\n${checks}`)
process.exitCode = checks.failed === 0 ? 0 : 1
