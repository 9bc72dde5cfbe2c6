import { tmpdir } from 'node:os'
import { endOfInputHeader } from '../../engine/intake.ts'
import type { Log } from '../../log/log.ts'
import { MemoryBroker } from '../../log/memory/broker.ts'
import { MemoryLog } from '../../log/memory/memory-log.ts'
import { groupName } from '../../plan/names.ts'
import { encodeHeaders } from '../../record/headers.ts'
import { BatchWriter } from '../../record/writer.ts'
import { VirtualClock } from '../../std/clock.ts'
import { type Random, seededRandom } from '../../std/random.ts'
import type { Scenario } from '../../testing/random/scenario.ts'
import type { RawRecord } from '../../testing/reference/types.ts'
import type { App } from '../app.ts'
import { isRetriable } from '../backoff.ts'
import { type StartSurroundings, startIn } from '../start.ts'
import { RandomFaults } from './random-faults.ts'

/** Far behind every event, so that no record lies in the future. */
const lateInTime = 8e15
const sessionTimeoutMs = 300
/** What a run may take before it counts as stuck. */
const simulatedMsMax = 600_000

/** A process of the simulation: a handle of the log and an app on it. */
interface Process {
  readonly log: MemoryLog
  readonly app: App
  isFrozen: boolean
}

export interface SimulationCounts {
  killed: number
  stopped: number
  frozen: number
  answers: number
  /** Looks that found a partition paused for another. */
  paused: number
}

/** Runs a scenario in several simulated processes over one memory log whose calls fail at random. */
export class Simulation {
  readonly app = 'sim'
  readonly clock = new VirtualClock(lateInTime)
  readonly faults: RandomFaults
  readonly counts: SimulationCounts = {
    killed: 0,
    stopped: 0,
    frozen: 0,
    answers: 0,
    paused: 0,
  }
  readonly errors: Error[] = []
  readonly #scenario: Scenario
  readonly #mode: 'compiled' | 'interpreted'
  readonly #random: Random
  readonly #surroundings: StartSurroundings
  readonly #broker: MemoryBroker
  readonly #reader: Log
  #processes: Process[] = []

  constructor(scenario: Scenario, seed: number, mode: 'compiled' | 'interpreted') {
    this.#scenario = scenario
    this.#mode = mode
    this.#random = seededRandom(seed)
    this.faults = new RandomFaults(seededRandom(seed + 1))
    this.#surroundings = {
      random: seededRandom(seed + 2),
      home: { name: this.app, directory: tmpdir() },
    }
    this.#broker = new MemoryBroker({ clock: this.clock, faults: this.faults.strike })
    this.#reader = new MemoryLog(this.#broker)
  }

  get log(): Log {
    return this.#reader
  }

  /** Runs everything: trouble for `steps` steps, then quietly to the end of the input. */
  async run({
    processes,
    steps,
    faultRate,
  }: {
    processes: number
    steps: number
    faultRate: number
  }): Promise<void> {
    await this.#createSources()
    for (let i = 0; i < processes; i++) this.#processes.push(await this.#start())
    const feed = this.#feed()
    this.faults.rate = faultRate
    for (let i = 0; i < steps; i++) {
      const next = feed.next()
      if (!next.done) await next.value
      await this.#trouble(processes)
      await this.#pass(1 + Math.floor(this.#random() * 15))
    }
    this.faults.rate = 0
    for (const each of this.#processes) this.#thaw(each)
    for (const appended of feed) await appended
    await this.#untilQuiet()
    await Promise.all(this.#processes.map(({ app }) => this.#awaiting(app.stop())))
  }

  async #createSources(): Promise<void> {
    const { sources } = this.#scenario.pipeline
    await this.#reader.createTopics(
      sources.map(({ name, partitions }) => ({ name, partitions, retentionMs: -1 })),
    )
  }

  /** A process that cannot reach the log again and again ends with that, and whoever watches over it starts it again. */
  async #start(): Promise<Process> {
    for (;;) {
      await this.#boot()
      const log = new MemoryLog(this.#broker)
      try {
        return await this.#startOn(log)
      } catch (error) {
        if (!isRetriable(error)) throw error
        await log.close()
      }
    }
  }

  async #startOn(log: MemoryLog): Promise<Process> {
    const starting = startIn(this.#surroundings, [this.#scenario.pipeline.pipeline], {
      app: this.app,
      log,
      clock: this.clock,
      mode: this.#mode,
      sessionTimeoutMs,
    })
    const app = await this.#awaiting(starting)
    app.failed.catch(error => {
      // A killed process fails by itself: its log is closed under it.
      if (this.#processes.some(each => each.log === log)) this.errors.push(error)
    })
    return { log, app, isFrozen: false }
  }

  /** Until a process is up: often at once, now and then long after those before it have been given up. */
  async #boot(): Promise<void> {
    const draw = this.#random()
    const limitMs = draw < 0.4 ? 0 : draw < 0.85 ? 60 : draw < 0.98 ? 400 : 6_000
    const restMs = limitMs * this.#random()
    await this.#awaiting(new Promise<void>(resolve => this.clock.after(restMs, resolve)))
  }

  /** The batches of the input in a random order between partitions, then the end of each. */
  *#feed(): Generator<Promise<unknown>> {
    const { input, cuts } = this.#scenario
    const waiting: { topic: string; partition: number; parts: (RawRecord[] | 'end')[] }[] = []
    for (const [topic, partitions] of input.topics) {
      partitions.forEach((records, partition) => {
        const parts: (RawRecord[] | 'end')[] = []
        let at = 0
        for (const size of cuts.get(topic)![partition]!) {
          parts.push(records.slice(at, at + size))
          at += size
        }
        waiting.push({ topic, partition, parts: [...parts, 'end'] })
      })
    }
    while (waiting.length > 0) {
      const i = Math.floor(this.#random() * waiting.length)
      const { topic, partition, parts } = waiting[i]!
      yield this.#reader.append([{ topic, partition, bytes: batchOf(parts.shift()!, this.clock.now()) }])
      if (parts.length === 0) waiting.splice(i, 1)
    }
  }

  /** Something that happens to a process: killed, stopped, frozen, thawed; another takes its place. */
  async #trouble(processes: number): Promise<void> {
    const draw = this.#random()
    const i = Math.floor(this.#random() * this.#processes.length)
    const hit = this.#processes[i]!
    if (draw < 0.03) {
      this.counts.killed++
      this.#processes.splice(i, 1)
      await hit.log.close()
    } else if (draw < 0.06 && !hit.isFrozen) {
      this.counts.stopped++
      this.#processes.splice(i, 1)
      await this.#awaiting(hit.app.stop())
    } else if (draw < 0.1) {
      if (hit.isFrozen) this.#thaw(hit)
      else {
        this.counts.frozen++
        hit.isFrozen = true
        hit.log.freeze()
      }
    }
    while (this.#processes.length < processes) this.#processes.push(await this.#start())
  }

  #thaw(process: Process): void {
    if (!process.isFrozen) return
    process.isFrozen = false
    process.log.thaw()
  }

  /** Waits for what needs time to pass. */
  async #awaiting<T>(work: Promise<T>): Promise<T> {
    let settled = false
    const done = work.finally(() => {
      settled = true
    })
    done.catch(() => {})
    for (let passed = 0; !settled && passed < simulatedMsMax; passed += 5) await this.#pass(5)
    if (!settled) throw new Error('What was waited for did not happen')
    return done
  }

  /** Lets everybody do what they can, then the time go on. Calls of other systems are answered in any order. */
  async #pass(ms: number): Promise<void> {
    const { calls } = this.#scenario.pipeline
    if (calls.size > 0 && this.#random() < 0.5) {
      this.counts.answers++
      calls.answer(Math.floor(this.#random() * calls.size))
    }
    for (let i = 0; i < 6; i++) await new Promise(resolve => setImmediate(resolve))
    if (this.#processes.some(({ app }) => isPaused(app))) this.counts.paused++
    this.clock.advance(ms)
  }

  /** Until all input is processed and committed and nothing more is written. */
  async #untilQuiet(): Promise<void> {
    let before = ''
    for (let passed = 0; passed < simulatedMsMax; passed += 2_000) {
      for (let i = 0; i < 100; i++) await this.#pass(20)
      if (this.errors.length > 0) return
      const now = await this.#state()
      if (now.complete && now.text === before && this.#scenario.pipeline.calls.size === 0) return
      before = now.text
    }
    const members = (await this.#reader.describeGroup(groupName(this.app, 'random')))?.members
    const health = this.#processes.map(({ app }) => app.health())
    throw new Error(
      `The run does not come to its end: ${before}\n${JSON.stringify({ members, health }, undefined, 1)}`,
    )
  }

  async #state(): Promise<{ complete: boolean; text: string }> {
    const ends: Record<string, number> = {}
    for (const { name } of await this.#reader.describeTopics()) {
      for (const { partition, latest } of await this.#reader.offsets(name))
        ends[`${name}/${partition}`] = latest
    }
    const group = await this.#reader.describeGroup(groupName(this.app, 'random'))
    const positions = Object.fromEntries(
      (group?.positions ?? []).map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]),
    )
    const read = Object.keys(ends).filter(id => id.startsWith('source-') || id.includes('.repartition/'))
    const complete = read.every(id => (positions[id] ?? 0) === ends[id])
    return { complete, text: JSON.stringify({ ends, positions }) }
  }
}

function isPaused(app: App): boolean {
  return app.health().pipelines.some(({ tasks }) => tasks.some(({ paused }) => paused.length > 0))
}

function batchOf(records: RawRecord[] | 'end', now: number): Uint8Array {
  const writer = new BatchWriter()
  if (records === 'end') {
    const headers = encodeHeaders([{ key: endOfInputHeader, value: null }])
    writer.append(now, null, 0, 0, null, 0, 0, headers, 0, headers.length)
    return writer.finish()
  }
  for (const { key, value, timestamp } of records) {
    writer.append(timestamp, key, 0, key?.length ?? 0, value, 0, value?.length ?? 0)
  }
  return writer.finish()
}
