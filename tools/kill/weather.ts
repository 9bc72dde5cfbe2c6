import { setTimeout as sleep } from 'node:timers/promises'
import { type Random, shuffled } from './random.ts'

/** Something that happens to the log, not to those who use it. */
export interface WeatherFault {
  readonly name: string
  /** Lets it strike and pass. Throws when it had no effect. */
  strike(random: Random): Promise<void>
}

export interface WeatherOptions {
  readonly faults: readonly WeatherFault[]
  readonly random: Random
  /** Each of them so often, at least. */
  readonly rounds: number
  readonly pauseMinMs: number
  readonly pauseMaxMs: number
}

/** One fault after the other in an order that the seed decides, with pauses in between. */
export class Weather {
  readonly struck: Map<string, number>
  readonly #options: WeatherOptions
  readonly #faults: WeatherFault[]
  readonly #ended = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #now = 'fair'

  constructor(options: WeatherOptions) {
    this.#options = options
    this.#faults = [...options.faults]
    this.struck = new Map(options.faults.map(({ name }) => [name, 0]))
  }

  /** One fault more, before it starts. */
  also(fault: WeatherFault): void {
    this.#faults.push(fault)
    this.struck.set(fault.name, 0)
  }

  /** Everything has struck as often as wanted. */
  get isThrough(): boolean {
    return [...this.struck.values()].every(count => count >= this.#options.rounds)
  }

  /** `onStrike` is told of each fault as it begins. */
  start(onStrike: (name: string) => void): void {
    this.#running = this.#run(onStrike)
    this.#running.catch(() => {})
  }

  /** Rejects when a fault did not do what it is there for. */
  get failed(): Promise<never> {
    return this.#running.then(() => new Promise<never>(() => {}))
  }

  toString(): string {
    const counts = [...this.struck.values()]
    return `${counts.reduce((sum, count) => sum + count, 0)} faults (${counts.join('+')}), now ${this.#now}`
  }

  /** Ends after the fault that is under way; throws what went wrong. */
  async stop(): Promise<void> {
    this.#ended.abort()
    await this.#running
  }

  async #run(onStrike: (name: string) => void): Promise<void> {
    const { random, pauseMinMs, pauseMaxMs } = this.#options
    for (let bag: WeatherFault[] = []; ; ) {
      await this.#pause(pauseMinMs + (pauseMaxMs - pauseMinMs) * random())
      if (this.#ended.signal.aborted) return
      if (bag.length === 0) bag = shuffled(this.#faults, random)
      const fault = bag.pop()!
      this.#now = fault.name
      onStrike(fault.name)
      await fault.strike(random)
      this.#now = 'fair'
      this.struck.set(fault.name, this.struck.get(fault.name)! + 1)
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#ended.signal }).catch(() => {})
  }
}
