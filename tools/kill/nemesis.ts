import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../packages/millrace/src/std/random.ts'
import type { DiskFaults } from './disk-faults.ts'
import type { Fleet, Member } from './fleet.ts'
import { pipelineNames } from './pipelines.ts'
import type { Recovery } from './recovery.ts'
import { type KillAt, sharedPoints, type WorkerPoint } from './worker-options.ts'

/** How long to look for a moment at which a victim holds uncommitted records. */
const aimMs = 400
/** An armed worker that is the only one is killed from outside so rarely per look, lest the storm hangs on a point nobody comes to. */
const armedChance = 0.001
/** A worker comes to its point so often, at most, before it dies there. */
const nthMax = 8

export interface NemesisOptions {
  readonly fleet: Fleet
  readonly disk: DiskFaults
  readonly random: Random
  /** How many workers there are at a time, drawn again and again. */
  readonly memberCounts: readonly number[]
  readonly recovery: Recovery
  readonly sessionTimeoutMs: number
  /** Kills that count. */
  readonly kills: number
  /** Each of them with each pipeline, so often. */
  readonly points: readonly WorkerPoint[]
  readonly roundsPerPoint: number
  /** Within this time some worker must have committed something. */
  readonly stuckMs: number
  /** The storm goes on until this is true, too. */
  readonly isEnough: () => boolean
  /** Then it is over in any case: what is left is judged, and what did not happen by then is missed. */
  readonly stormMs: number
  readonly onProgress: () => void
  readonly onEvent: (what: string) => void
}

/** Kills, freezes, stops and starts workers, in an order that the seed decides. */
export class Nemesis {
  /** All kills from outside. */
  kills = 0
  /** Those that hit a process with a commit behind it and uncommitted records in hand. */
  counted = 0
  frozen = 0
  /** Frozen ones that were out of their groups when they went on. */
  fenced = 0
  stopped = 0
  readonly pointKills = new Map<string, number>()
  readonly #options: NemesisOptions
  readonly #points: KillAt[]
  #wanted: number
  #isOver = false

  constructor(options: NemesisOptions) {
    this.#options = options
    this.#wanted = options.memberCounts[0]!
    this.#points = this.#plan()
  }

  #plan(): KillAt[] {
    const { points, roundsPerPoint, random } = this.#options
    const plan: KillAt[] = []
    for (let round = 0; round < roundsPerPoint; round++) {
      for (const point of points) {
        for (const pipeline of sharedPoints.has(point) ? [undefined] : pipelineNames) {
          // The first restore may be of nothing; commits are met at one of the first.
          const nth = point === 'restored' ? 1 : 1 + Math.floor(random() * nthMax)
          plan.push({ point, nth, ...(pipeline && { pipeline }) })
        }
      }
    }
    return plan.sort(() => random() - 0.5)
  }

  get pointsLeft(): number {
    return this.#points.length
  }

  async run(): Promise<void> {
    const { random, kills, isEnough, memberCounts, stormMs } = this.#options
    const untilMs = performance.now() + stormMs
    const isThrough = () =>
      this.counted >= kills && this.frozen > 0 && this.#points.length === 0 && isEnough()
    while (!this.#isOver && !isThrough() && performance.now() < untilMs) {
      this.#fill()
      await sleep(300 + 1_700 * random() ** 4)
      // One has to be frozen, however short the storm is.
      const draw = this.frozen === 0 && this.counted >= kills / 2 ? 0 : random()
      if (draw < 0.06) await this.#freeze()
      else if (draw < 0.12) await this.#stop()
      else await this.#kill()
      if (random() < 0.2) this.#wanted = memberCounts[Math.floor(random() * memberCounts.length)]!
      this.#options.onProgress()
    }
  }

  /** The storm is over, or broken off; who is armed dies all the same. */
  end(): void {
    this.#isOver = true
  }

  /** From here on there are at least so many workers, and no new one is armed. */
  keep(workers: number): void {
    this.#isOver = true
    this.#wanted = Math.max(workers, this.#wanted)
    this.#fill()
  }

  /** Starts workers until there are as many as wanted; some carry their death with them. */
  #fill(): void {
    const { fleet, random } = this.#options
    while (fleet.members.size < this.#wanted) {
      const hasPoint = !this.#isOver && this.#points.length > 0
      const isArmed = hasPoint && random() < (this.counted < this.#options.kills ? 0.5 : 1)
      fleet.start(isArmed ? this.#points.shift() : undefined)
    }
  }

  /** A worker ended by itself: at its named point, or it is an error. */
  ended(member: Member): boolean {
    if (member.killAt === undefined || member.process.signalCode !== 'SIGKILL') return false
    const { point } = member.killAt
    this.pointKills.set(point, (this.pointKills.get(point) ?? 0) + 1)
    this.#options.onEvent(`${member.name} died at the point ${point}`)
    this.#harmCopies(member)
    this.#fill()
    return true
  }

  /** What a worker was armed with and did not come to. */
  #disarm(member: Member): void {
    if (member.killAt !== undefined) this.#points.push({ ...member.killAt, nth: 1 })
  }

  /** Changes with every commit, and with every death. */
  get #signsOfLife(): number {
    const { members, started } = this.#options.fleet
    return [...members].reduce((sum, { tally }) => sum + tally.commits, started)
  }

  async #victim(): Promise<Member | undefined> {
    const { fleet, random, stuckMs } = this.#options
    let aliveMs = performance.now()
    let seen = this.#signsOfLife
    while (!this.#isOver) {
      const candidates = fleet.atWork
      // The armed ones are left to their point, mostly.
      const free = candidates.filter(({ killAt }) => killAt === undefined)
      const chosen = free.length > 0 ? free : random() < armedChance ? candidates : []
      if (chosen.length > 0) return chosen[Math.floor(random() * chosen.length)]
      if (this.#signsOfLife !== seen) [seen, aliveMs] = [this.#signsOfLife, performance.now()]
      if (performance.now() - aliveMs > stuckMs)
        throw new Error(`No worker has committed anything for ${stuckMs / 1000} s`)
      this.#fill()
      await sleep(20)
    }
    return undefined
  }

  async #kill(): Promise<void> {
    const { fleet, recovery } = this.#options
    const victim = await this.#victim()
    if (victim === undefined) return
    await recovery.watch(victim.pid, async () => {
      const untilMs = performance.now() + aimMs
      while (victim.isAlive && victim.tally.uncommitted === 0 && performance.now() < untilMs) {
        await new Promise(resolve => setImmediate(resolve))
      }
      fleet.release(victim)
      await victim.kill()
    })
    this.#disarm(victim)
    this.kills++
    const { commits, uncommitted } = victim.tally
    const isCounted = commits > 0 && uncommitted > 0
    if (isCounted) this.counted++
    this.#options.onEvent(`${victim.name} killed${isCounted ? '' : ' (not counted)'}`)
    this.#harmCopies(victim)
  }

  #harmCopies({ name, pid }: Member): void {
    const { disk, random, onEvent } = this.#options
    const done = disk.strike(pid, random)
    if (done !== undefined) onEvent(`of ${name}, ${done}`)
  }

  /** Stands still for longer than its session lasts, and goes on. */
  async #freeze(): Promise<void> {
    const { random, sessionTimeoutMs } = this.#options
    const victim = await this.#victim()
    if (victim === undefined || victim.killAt !== undefined) return
    const { fenced } = victim.tally
    victim.isFrozen = true
    victim.process.kill('SIGSTOP')
    this.#options.onEvent(`${victim.name} frozen`)
    await sleep(sessionTimeoutMs * (1.3 + random()))
    victim.process.kill('SIGCONT')
    victim.isFrozen = false
    this.frozen++
    await sleep(200)
    if (victim.tally.fenced > fenced) this.fenced++
  }

  async #stop(): Promise<void> {
    const { fleet } = this.#options
    const victim = await this.#victim()
    if (victim === undefined) return
    fleet.release(victim)
    this.#disarm(victim)
    this.stopped++
    this.#options.onEvent(`${victim.name} stopped`)
    if (!(await victim.stop())) throw new Error(`${victim.name} did not stop within 30 s of SIGTERM`)
  }
}
