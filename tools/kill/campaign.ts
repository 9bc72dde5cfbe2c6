import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start } from '../../packages/millrace/src/index.ts'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import { seededRandom } from '../../packages/millrace/src/std/random.ts'
import { addedPartition } from './added-partitions.ts'
import { DiskFaults } from './disk-faults.ts'
import { expectedOf, type Input } from './expected.ts'
import { Fleet } from './fleet.ts'
import { Follower } from './follower.ts'
import { Generator } from './generator.ts'
import type { Ground, OpenGround } from './ground.ts'
import { Nemesis } from './nemesis.ts'
import { judge, type Output, type Verdict } from './oracle.ts'
import { Phases } from './phases.ts'
import {
  appName,
  arrivalCounts,
  arrivals,
  arrived,
  copies,
  extremes,
  groupWindows,
  lateReadings,
  readings,
  userCounts,
} from './pipelines.ts'
import { Recovery } from './recovery.ts'
import { settled } from './settling.ts'
import type { CommitMode } from './split-commit.ts'
import { standstill } from './standstill.ts'
import { judgeTables } from './tables-verdict.ts'
import type { Weather } from './weather.ts'
import type { WorkerPoint } from './worker-options.ts'

/** Of those who must not lose anything, and of those who only look. */
const [patientMs, impatientMs] = [120_000, 3_000]
/** What each wait after the storm may take, however much else the machine has to do. */
const limits = {
  nemesis: 60_000,
  weather: 400_000,
  append: patientMs + 30_000,
  /** Without a standstill, which is found out sooner. */
  settle: 900_000,
  stop: 60_000,
  read: 180_000,
  leftovers: 90_000,
  tables: 180_000,
}
/** A copy of state is made from what brokers answer; the next commits make the next one. */
const foldFailed = /^warning: .*no snapshot could be made/
/** Old enough to lie in nobody's future; younger than a day, when brokers begin to forget who wrote a record. */
const ageMs = 12 * 3_600_000

export interface CampaignOptions {
  readonly seed: number
  readonly ground: OpenGround
  readonly sessionTimeoutMs: number
  readonly mode: CommitMode
  readonly kills: number
  readonly records: number
  readonly recordsPerSecond: number
  readonly points: readonly WorkerPoint[]
  readonly roundsPerPoint: number
  /** How many workers there are at a time, drawn again and again. */
  readonly memberCounts: readonly number[]
  /** Then the storm is over, and what is left is judged. */
  readonly stormMs: number
  readonly onProgress: (line: string) => void
  /** Told of everything that is done to workers and log. */
  readonly onEvent?: (line: string) => void
  /** Given a function that says what a campaign is at, what went wrong, and what can be judged by now. */
  readonly onBegun?: (report: () => Promise<readonly string[]>) => void
}

export interface CampaignResult {
  readonly verdicts: readonly Verdict[]
  /** What went wrong besides the outputs. */
  readonly problems: readonly string[]
  readonly nemesis: Nemesis
  readonly weather: Weather | undefined
  readonly disk: DiskFaults
  readonly recovery: Recovery
  /** From the start of each process to its first commit. */
  readonly firstCommitsMs: readonly number[]
  readonly records: number
  /** What the outputs held in the end. */
  readonly outputs: Output
  readonly acknowledged: Input
  readonly workers: number
  readonly seconds: number
}

/** One storm over one fresh log: generator, reader, workers, nemesis, and the judgement at the end. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-kill-'))
  const ground = await options.ground(directory)
  try {
    const [log, watch, reader] = await Promise.all([
      ground.open(patientMs),
      ground.open(impatientMs),
      ground.open(patientMs),
    ])
    return await new Campaign(options, { directory, ground, log, watch, reader }).run()
  } finally {
    await ground.close()
    await rm(directory, { recursive: true, force: true })
  }
}

interface CampaignParts {
  readonly directory: string
  readonly ground: Ground
  readonly log: Log
  /** For looks at what goes on, which must not hold anything up. */
  readonly watch: Log
  readonly reader: Log
}

const outputTopics = [copies, userCounts, groupWindows, lateReadings, extremes, arrived, arrivalCounts]

class Campaign {
  readonly #options: CampaignOptions
  readonly #log: Log
  readonly #ground: Ground
  readonly #reader: Follower
  readonly #fleet: Fleet
  readonly #disk: DiskFaults
  readonly #recovery: Recovery
  readonly #nemesis: Nemesis
  readonly #generator: Generator
  readonly #phases: Phases
  readonly #problems: string[] = []
  readonly #beganMs = performance.now()

  constructor(options: CampaignOptions, { directory, ground, log, watch, reader }: CampaignParts) {
    const { seed, mode, kills, points, roundsPerPoint, sessionTimeoutMs } = options
    this.#options = options
    this.#log = log
    this.#ground = ground
    this.#reader = new Follower(reader, outputTopics)
    this.#recovery = new Recovery(watch)
    this.#disk = new DiskFaults(directory)
    this.#fleet = new Fleet({
      directory,
      ...(ground.brokers && { brokers: ground.brokers }),
      mode,
      sessionTimeoutMs,
      onMessage: ({ name }, message) => {
        if (!this.#isExpected(message)) this.#problem(`${name}: ${message}`)
      },
      onExit: member => {
        if (this.#nemesis.ended(member)) return
        const { exitCode, signalCode } = member.process
        this.#problem(`${member.name} ended by itself (${signalCode ?? `exit code ${exitCode}`})`)
      },
    })
    this.#phases = new Phases({
      onProblem: text => this.#problem(text),
      state: () => standstill({ fleet: this.#fleet, log: watch, ground }),
    })
    this.#generator = new Generator({
      log,
      random: seededRandom(seed + 1),
      beginMs: Date.now() - ageMs,
      recordsPerSecond: options.recordsPerSecond,
    })
    this.#nemesis = new Nemesis({
      fleet: this.#fleet,
      disk: this.#disk,
      random: seededRandom(seed),
      memberCounts: options.memberCounts,
      recovery: this.#recovery,
      sessionTimeoutMs,
      kills,
      points,
      roundsPerPoint,
      stormMs: options.stormMs,
      stuckMs: ground.brokers === undefined ? 60_000 : 300_000,
      isEnough: () => this.#generator.count >= options.records && ground.weather?.isThrough !== false,
      onProgress: () => options.onProgress(this.#progress()),
      onEvent: what => this.#event(what),
    })
    ground.weather?.also(addedPartition(log, this.#generator))
    options.onBegun?.(() => this.#report())
  }

  /** A warning that says what was done to the worker, or to the brokers it asked. */
  #isExpected(message: string): boolean {
    if (this.#ground.weather !== undefined && foldFailed.test(message)) return true
    return this.#disk.isAbout(message)
  }

  #problem(text: string): void {
    if (this.#problems.length >= 20 || this.#problems.includes(text)) return
    this.#problems.push(text)
    this.#event(`PROBLEM: ${text}`)
  }

  get #seconds(): number {
    return Math.round((performance.now() - this.#beganMs) / 1000)
  }

  #event(what: string): void {
    this.#options.onEvent?.(`${this.#seconds} s: ${what}`)
  }

  #progress(): string {
    const { kills, counted, pointsLeft, frozen, stopped } = this.#nemesis
    const weather = this.#ground.weather ? `, ${this.#ground.weather}` : ''
    return `${this.#seconds} s: ${kills} kills (${counted} counted), ${pointsLeft} points left, ${frozen} frozen, ${stopped} stopped, ${this.#generator.count} records, ${this.#fleet.members.size} workers${weather}`
  }

  /** For whoever breaks it off. */
  async #report(): Promise<readonly string[]> {
    return [
      this.#progress(),
      `${this.#phases.now} is waited for`,
      ...this.#problems,
      ...(await standstill({ fleet: this.#fleet, log: this.#log, ground: this.#ground })),
      'what was read until now, against all that was acknowledged:',
      ...judge(this.#generator.acknowledged, this.#outputs()).map(String),
    ]
  }

  async run(): Promise<CampaignResult> {
    const app = await start([], { app: appName, log: this.#log })
    await this.#log.createTopics(
      [readings, arrivals, ...outputTopics].map(({ name, partitions }) => ({ name, partitions })),
    )
    const { weather } = this.#ground
    this.#reader.start()
    weather?.start(what => this.#event(what))
    const generating = this.#generator.run(this.#options.records)
    await this.#storm(generating)
    await this.#phase('the weather to pass', limits.weather, async () => weather?.stop())
    this.#generator.stop()
    await this.#phase('the last append', limits.append, () => generating)
    await this.#phase('the end of the input', limits.append, () => app.endInput(readings))
    await this.#phase('everything to be processed', limits.settle, () => this.#settled())
    await this.#phase('the measuring of recoveries', limits.nemesis, () => this.#recovery.end())
    await this.#phase('workers to stop', limits.stop, () => this.#stopAll())
    await this.#phase('the outputs to be read', limits.read, () => this.#reader.finish(limits.read))
    for (const each of (await this.#phase('transactions to end', limits.leftovers, () =>
      this.#ground.leftovers(),
    )) ?? [])
      this.#problem(each)
    const outputs = this.#outputs()
    const verdicts = await this.#judge(outputs)
    await this.#phase('the last app to stop', limits.stop, () => app.stop())
    return {
      verdicts,
      problems: this.#problems,
      nemesis: this.#nemesis,
      weather,
      disk: this.#disk,
      recovery: this.#recovery,
      firstCommitsMs: this.#fleet.firstCommitsMs,
      records: this.#generator.count,
      workers: this.#fleet.started,
      seconds: this.#seconds,
      outputs,
      acknowledged: this.#generator.acknowledged,
    }
  }

  async #phase<T>(name: string, limitMs: number, work: () => Promise<T>): Promise<T | undefined> {
    this.#event(`waits for ${name}`)
    return this.#phases.run(name, limitMs, work)
  }

  /** Until there was enough of it, or something went wrong. */
  async #storm(generating: Promise<void>): Promise<void> {
    const { weather } = this.#ground
    const killing = this.#nemesis.run()
    try {
      const fails = generating.then(() => new Promise<never>(() => {}))
      await Promise.race([killing, fails, ...(weather ? [weather.failed] : [])])
    } catch (error) {
      this.#problem((error as Error).stack!)
    }
    this.#nemesis.end()
    await this.#phase('the last kill', limits.nemesis, () => killing.catch(() => {}))
  }

  /** Everything must be processed and committed in finite time. */
  async #settled(): Promise<void> {
    this.#nemesis.keep(2)
    try {
      await settled(this.#log)
    } catch (error) {
      this.#problem((error as Error).message)
      throw new Error(
        `what is known:\n      ${(await standstill({ fleet: this.#fleet, log: this.#log, ground: this.#ground })).join('\n      ')}`,
      )
    }
  }

  async #stopAll(): Promise<void> {
    for (const { name } of await this.#fleet.stopAll())
      this.#problem(`${name} did not stop within 30 s of SIGTERM`)
  }

  #outputs(): Output {
    const recordsOf = (topic: { readonly name: string }) => this.#reader.recordsOf(topic.name)
    return {
      copies: recordsOf(copies),
      userCounts: recordsOf(userCounts),
      groupWindows: recordsOf(groupWindows),
      lateReadings: recordsOf(lateReadings),
      extremes: recordsOf(extremes),
      arrived: recordsOf(arrived),
      arrivalCounts: recordsOf(arrivalCounts),
    }
  }

  async #judge(output: Output): Promise<Verdict[]> {
    const { acknowledged } = this.#generator
    const verdicts = judge(acknowledged, output)
    if (this.#options.mode !== 'atomic') return verdicts
    const expected = expectedOf(acknowledged)
    const tables = await this.#phase('tables to be restored', 2 * limits.tables, () =>
      judgeTables(this.#log, expected, limits.tables),
    )
    return tables === undefined ? verdicts : [...verdicts, tables]
  }
}
