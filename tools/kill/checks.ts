import type { CampaignResult } from './campaign.ts'
import { judge, type Verdict } from './oracle.ts'
import type { WorkerPoint } from './worker-options.ts'

/** What is checked, printed as it comes and counted. */
export class Checks {
  passed = 0
  failed = 0

  check(title: string, isGood: boolean, details: readonly string[] = []): void {
    if (isGood) this.passed++
    else this.failed++
    console.log(`${isGood ? '✔' : '✖'} ${title}`)
    if (!isGood) for (const detail of details) console.log(`    ${detail}`)
  }

  toString(): string {
    return `${this.passed} passed, ${this.failed} failed`
  }
}

export interface Wanted {
  readonly kills: number
  readonly records: number
  readonly points: readonly WorkerPoint[]
}

/** A storm has left what a sequential run leaves, and it was one. */
export function checkStorm(checks: Checks, result: CampaignResult, { kills, records, points }: Wanted): void {
  const { nemesis, weather, disk, verdicts, problems } = result
  for (const verdict of verdicts) checks.check(String(verdict), verdict.isGood)
  checks.check(
    'committed positions at the end of the input, no worker failed',
    problems.length === 0,
    problems,
  )
  checks.check(
    `${nemesis.counted} of ${nemesis.kills} kills hit a process between two commits (${kills} wanted)`,
    nemesis.counted >= kills,
  )
  for (const point of points) {
    const count = nemesis.pointKills.get(point) ?? 0
    checks.check(`${count} kills at the point ${point}`, count > 0)
  }
  checks.check(
    `${nemesis.frozen} frozen for longer than their session, ${nemesis.fenced} of them refused when they went on`,
    nemesis.frozen > 0,
  )
  for (const [fault, count] of weather?.struck ?? []) checks.check(`${count} × ${fault}`, count > 0)
  // Over an embedded log processes may not live long enough to make one.
  if (weather !== undefined) checkCopies(checks, disk)
  checks.check(`${result.records} records by ${result.workers} processes`, result.records >= records)
}

function checkCopies(checks: Checks, { struck, noticed }: CampaignResult['disk']): void {
  for (const [fault, count] of struck) checks.check(`${count} × ${fault}`, count > 0)
  checks.check(`${noticed} × a damaged copy of state was noticed and not used`, noticed > 0)
}

/** The oracle is not blind: one record less, or one more, and it says so. */
export function checkOracle(checks: Checks, { outputs, acknowledged }: CampaignResult): void {
  const last = outputs.userCounts.findLastIndex(partition => partition.length > 0)
  const change = (to: (list: CampaignResult['outputs']['userCounts'][number]) => typeof list) =>
    outputs.userCounts.map((list, partition) => (partition === last ? to(list) : list))
  const short = judge(acknowledged, { ...outputs, userCounts: change(list => list.slice(0, -1)) })
  checks.check('an output without its last record is found short', sumOf(short, 'lost') === 1)
  const long = judge(acknowledged, { ...outputs, userCounts: change(list => [...list, list.at(-1)!]) })
  checks.check('an output whose last record is there twice is found so', sumOf(long, 'twice') === 1)
}

/** A log whose commits are not atomic: what is lost or written twice is found. */
export function checkControl(
  checks: Checks,
  { verdicts, nemesis, problems }: CampaignResult,
  kind: 'lost' | 'twice',
  point: WorkerPoint,
): void {
  const split = nemesis.pointKills.get(point) ?? 0
  checks.check(`${split} kills between the two halves of a commit`, split > 0, problems)
  const found = sumOf(verdicts, kind)
  const what = kind === 'lost' ? 'lost' : 'written twice'
  checks.check(`${found} records ${what}: the oracle sees it`, found > 0, problems)
}

/** What at-least-once promises. */
export function checkNothingLost(checks: Checks, { verdicts, problems }: CampaignResult): void {
  const details = [...verdicts.map(String), ...problems]
  checks.check('nothing is lost', sumOf(verdicts, 'lost') === 0 && problems.length === 0, details)
}

function sumOf(verdicts: readonly Verdict[], kind: 'lost' | 'twice'): number {
  return verdicts.reduce((sum, verdict) => sum + verdict[kind], 0)
}
