import { setTimeout as sleep } from 'node:timers/promises'
import { type CampaignOptions, runCampaign } from './campaign.ts'
import { type Checks, checkControl, checkNothingLost, checkOracle, checkStorm } from './checks.ts'
import type { OpenGround } from './ground.ts'
import { summary } from './summary.ts'
import type { WorkerPoint } from './worker-options.ts'

export const commitPoints: readonly WorkerPoint[] = [
  'cut',
  'before-commit',
  'after-commit',
  'after-acknowledge',
  'restored',
]

export interface StormOptions {
  readonly seed: number
  readonly kills: number
  readonly records: number
  readonly memberCounts: readonly number[]
  readonly stormMs: number
  readonly recordsPerSecond: number
  readonly sessionTimeoutMs: number
  readonly points: readonly WorkerPoint[]
  readonly ground: OpenGround
  readonly onProgress: CampaignOptions['onProgress']
  readonly onEvent?: CampaignOptions['onEvent']
  readonly onBegun?: CampaignOptions['onBegun']
}

/** Commits as they are, under all that can happen. */
export async function storm(checks: Checks, options: StormOptions): Promise<void> {
  const { kills, records } = options
  console.log(`\nCommits as they are: ${kills} kills, at least ${records} records`)
  const result = await runCampaign({ ...options, mode: 'atomic', roundsPerPoint: 1 })
  checkStorm(checks, result, options)
  checkOracle(checks, result)
  console.log(`\n${summary(result)}`)
}

const controls = {
  'positions-first': { what: 'positions before the output', kind: 'lost', point: 'between-halves' },
  'output-first': { what: 'positions after the output', kind: 'twice', point: 'between-halves' },
  'at-least-once': { what: 'exactly-once switched off', kind: 'twice', point: 'before-offsets' },
} as const

export type ControlOptions = Pick<
  CampaignOptions,
  'seed' | 'ground' | 'sessionTimeoutMs' | 'onProgress' | 'onBegun'
>

/** Commits that are not atomic, under a few kills: the oracle must find what that does. */
export async function control(
  checks: Checks,
  mode: keyof typeof controls,
  options: ControlOptions,
): Promise<void> {
  const { what, kind, point } = controls[mode]
  console.log(`\nNegative control, ${what}`)
  const result = await runCampaign({
    ...options,
    mode,
    kills: 8,
    records: 5_000,
    recordsPerSecond: 1_000,
    memberCounts: [1, 2, 2, 3, 3],
    stormMs: controlMs,
    points: [point],
    roundsPerPoint: 4,
  })
  checkControl(checks, result, kind, point)
  if (mode === 'at-least-once') checkNothingLost(checks, result)
}

const controlMs = 5 * 60_000
const progressEveryMs = 5_000

/** Prints a line of progress now and then. */
export function occasionally(): (line: string) => void {
  let saidMs = 0
  return line => {
    if (performance.now() - saidMs < progressEveryMs) return
    saidMs = performance.now()
    console.log(`  ${line}`)
  }
}

const reportMs = 30_000

/** Ends the process with a failure when the whole takes longer, and says what it is at. */
export class Cap {
  /** What a campaign that is under way says of itself. */
  report: () => Promise<readonly string[]> = async () => []
  readonly #timer: NodeJS.Timeout

  constructor(ms: number, checks: Checks) {
    this.#timer = setTimeout(() => void this.#end(ms, checks), ms)
  }

  async #end(ms: number, checks: Checks): Promise<void> {
    const none = sleep(reportMs, ['what it is at cannot be found out'])
    const lines = await Promise.race([this.report(), none]).catch(error => [String(error)])
    checks.check(`done within ${ms / 60_000} minutes`, false, lines)
    console.log(`\n${checks}`)
    process.exit(1)
  }

  lift(): void {
    clearTimeout(this.#timer)
  }
}
