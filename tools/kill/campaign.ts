import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type App, start } from '../../packages/millrace/src/index.ts'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import { groupName } from '../../packages/millrace/src/plan/names.ts'
import { seededRandom } from '../../packages/millrace/src/std/random.ts'
import { expectedOf, finalExtremes } from './expected.ts'
import { Fleet } from './fleet.ts'
import { Follower } from './follower.ts'
import { Generator } from './generator.ts'
import type { Ground, OpenGround } from './ground.ts'
import { Nemesis } from './nemesis.ts'
import { judge, type Output, Verdict } from './oracle.ts'
import {
  appName,
  copies,
  extremes,
  groupWindows,
  killPipelines,
  lateReadings,
  pipelineNames,
  readings,
  userCounts,
} from './pipelines.ts'
import { Recovery } from './recovery.ts'
import type { CommitMode } from './split-commit.ts'
import type { Weather } from './weather.ts'
import type { WorkerPoint } from './worker-options.ts'

const settleMs = 120_000
const healthMs = 3_000
/** Of those who must not lose anything, and of those who only look. */
const [patientMs, impatientMs] = [120_000, 3_000]
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
}

export interface CampaignResult {
  readonly verdicts: readonly Verdict[]
  /** What went wrong besides the outputs. */
  readonly problems: readonly string[]
  readonly nemesis: Nemesis
  readonly weather: Weather | undefined
  readonly recovery: Recovery
  readonly records: number
  /** What the outputs held in the end. */
  readonly outputs: Output
  readonly acknowledged: Generator['acknowledged']
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

const outputTopics = [copies, userCounts, groupWindows, lateReadings, extremes]

class Campaign {
  readonly #options: CampaignOptions
  readonly #log: Log
  readonly #ground: Ground
  readonly #reader: Follower
  readonly #fleet: Fleet
  readonly #recovery: Recovery
  readonly #nemesis: Nemesis
  readonly #generator: Generator
  readonly #problems: string[] = []
  readonly #beganMs = performance.now()

  constructor(options: CampaignOptions, { directory, ground, log, watch, reader }: CampaignParts) {
    const { seed, mode, kills, points, roundsPerPoint, sessionTimeoutMs } = options
    this.#options = options
    this.#log = log
    this.#ground = ground
    this.#reader = new Follower(reader, outputTopics)
    this.#recovery = new Recovery(watch)
    this.#fleet = new Fleet({
      directory,
      ...(ground.brokers && { brokers: ground.brokers }),
      mode,
      sessionTimeoutMs,
      onMessage: ({ name }, message) => this.#problem(`${name}: ${message}`),
      onExit: member => {
        if (this.#nemesis.ended(member)) return
        const { exitCode, signalCode } = member.process
        this.#problem(`${member.name} ended by itself (${signalCode ?? `exit code ${exitCode}`})`)
      },
    })
    this.#nemesis = new Nemesis({
      fleet: this.#fleet,
      random: seededRandom(seed),
      memberCounts: options.memberCounts,
      recovery: this.#recovery,
      sessionTimeoutMs,
      kills,
      points,
      roundsPerPoint,
      stormMs: options.stormMs,
      stuckMs: ground.brokers === undefined ? 30_000 : 180_000,
      isEnough: () => this.#generator.count >= options.records && ground.weather?.isThrough !== false,
      onProgress: () => options.onProgress(this.#progress()),
      onEvent: what => this.#event(what),
    })
    this.#generator = new Generator({
      log,
      random: seededRandom(seed + 1),
      beginMs: Date.now() - ageMs,
      recordsPerSecond: options.recordsPerSecond,
    })
  }

  #problem(text: string): void {
    if (this.#problems.length < 20) this.#problems.push(text)
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

  async run(): Promise<CampaignResult> {
    const app = await start([], { app: appName, log: this.#log })
    await this.#log.createTopics(
      [readings, ...outputTopics].map(({ name, partitions }) => ({ name, partitions })),
    )
    const { weather } = this.#ground
    this.#reader.start()
    weather?.start(what => this.#event(what))
    const generating = this.#generator.run(this.#options.records)
    try {
      await Promise.race([
        this.#nemesis.run(),
        generating.then(() => new Promise<never>(() => {})),
        ...(weather ? [weather.failed] : []),
      ])
      await weather?.stop()
      this.#generator.stop()
      await generating
      await app.endInput(readings)
      await this.#settle()
    } catch (error) {
      this.#problem((error as Error).stack!)
      this.#nemesis.end()
    } finally {
      await weather?.stop().catch(error => this.#problem((error as Error).stack!))
      this.#generator.stop()
      await generating.catch(() => {})
      await this.#recovery.end()
    }
    for (const { name } of await this.#fleet.stopAll())
      this.#problem(`${name} did not stop within 30 s of SIGTERM`)
    await this.#reader.finish(settleMs).catch(error => this.#problem((error as Error).message))
    for (const each of await this.#ground.leftovers()) this.#problem(each)
    const outputs = this.#outputs()
    const verdicts = await this.#judge(outputs)
    await app.stop()
    const { started: workers } = this.#fleet
    return {
      verdicts,
      problems: this.#problems,
      nemesis: this.#nemesis,
      weather,
      recovery: this.#recovery,
      records: this.#generator.count,
      workers,
      seconds: this.#seconds,
      outputs,
      acknowledged: this.#generator.acknowledged,
    }
  }

  /** The storm is over: everything must be processed and committed in finite time. */
  async #settle(): Promise<void> {
    while (this.#fleet.members.size < 2) this.#fleet.start()
    const untilMs = performance.now() + settleMs
    let quiet = 0
    while (quiet < 5) {
      const behind = await this.#behind()
      if (behind.length > 0 && performance.now() > untilMs) {
        this.#problem(`Not processed within ${settleMs / 1000} s of the storm's end: ${behind.join(', ')}`)
        for (const member of this.#fleet.members) member.askHealth()
        await sleep(healthMs)
        return
      }
      quiet = behind.length === 0 ? quiet + 1 : 0
      await sleep(200)
    }
  }

  /** Partitions whose committed position is not the end of what there is to read. */
  async #behind(): Promise<string[]> {
    const topics = await this.#log.describeTopics()
    const behind: string[] = []
    for (const pipeline of pipelineNames) {
      const group = groupName(appName, pipeline)
      const inputs = topics.filter(
        ({ name }) =>
          name === readings.name || (name.startsWith(`${group}.`) && name.endsWith('.repartition')),
      )
      for (const { name } of inputs) {
        const offsets = await this.#log.offsets(name)
        const places = offsets.map(({ partition }) => ({ topic: name, partition }))
        const committed = await this.#log.committed(group, places)
        for (const { partition, latest } of offsets) {
          const at = committed.find(each => each.partition === partition)?.offset ?? 0
          if (at !== latest) behind.push(`${group} ${name}/${partition} at ${at} of ${latest}`)
        }
      }
    }
    return behind
  }

  #outputs(): Output {
    return {
      copies: this.#reader.recordsOf(copies.name),
      userCounts: this.#reader.recordsOf(userCounts.name),
      groupWindows: this.#reader.recordsOf(groupWindows.name),
      lateReadings: this.#reader.recordsOf(lateReadings.name),
      extremes: this.#reader.recordsOf(extremes.name),
    }
  }

  async #judge(output: Output): Promise<Verdict[]> {
    const verdicts = judge(this.#generator.acknowledged, output)
    const isAtomic = this.#options.mode === 'atomic'
    return isAtomic ? [...verdicts, await this.#judgeTables()] : verdicts
  }

  /** A new process restores the tables from what the dead have left. */
  async #judgeTables(): Promise<Verdict> {
    const expected = expectedOf(this.#generator.acknowledged)
    const devices = finalExtremes(expected)
    const verdict = new Verdict('rows of the tables, restored', devices.size + expected.users.size)
    const app = await start(
      killPipelines(() => {}),
      { app: appName, log: this.#log },
    )
    try {
      await this.#restored(app)
      for (const [device, { lo, hi }] of devices)
        await this.#judgeRow(verdict, app, 'devices', device, { lo, hi })
      for (const [user, list] of expected.users) {
        const total = list.reduce((sum, { amount }) => sum + amount, 0)
        await this.#judgeRow(verdict, app, 'users', user, { n: list.length, total })
      }
    } finally {
      await app.stop()
    }
    return verdict
  }

  async #judgeRow(
    verdict: Verdict,
    app: App,
    step: string,
    key: string,
    expected: Readonly<Record<string, number | null>>,
  ): Promise<void> {
    const row = (await app.store(step).get(key)) as Record<string, unknown> | undefined
    if (row === undefined) return verdict.note('lost', `${step} ${key}`)
    if (Object.entries(expected).some(([column, value]) => row[column] !== value))
      verdict.note('wrong', `${step} ${key}: ${JSON.stringify(row)} instead of ${JSON.stringify(expected)}`)
  }

  async #restored(app: App): Promise<void> {
    const untilMs = performance.now() + settleMs
    const tasks = () => app.health().pipelines.reduce((sum, { tasks }) => sum + tasks.length, 0)
    // Two of the four pipelines re-key, so they have tasks on both sides.
    const all = readings.partitions * (pipelineNames.length + 2)
    while (tasks() < all) {
      if (performance.now() > untilMs)
        throw new Error(`Only ${tasks()} of ${all} tasks were restored: ${JSON.stringify(app.health())}`)
      await sleep(20)
    }
  }
}
