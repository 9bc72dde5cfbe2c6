import type { KeyContext, ProcessContext, TimerContext, Timers } from '../../plan/process.ts'
import type { StreamRecord } from '../../plan/record.ts'
import type { Call } from './call.ts'
import { type Result, resultOf } from './results.ts'

/** What a context asks of its step. */
export interface ContextHost {
  readonly call: Call
  readonly sides: readonly string[]
  readonly freeze: boolean
  readonly state: object
  readonly broadcast: object
  readonly timers: Timers
  readonly wallTimers: Timers
  readonly watermark: number
  key(): unknown
  record(): StreamRecord<any>
}

/** A result for a side output. */
export interface SideResult {
  readonly side: string
  readonly result: Result
}

/** A value that a call has given up. */
export interface FailedValue {
  readonly value: unknown
  readonly error: unknown
}

/** The context of a step's calls: one object, which stands for the call in work. */
export class CallContext implements ProcessContext<any, any, any, any>, TimerContext<any, any, any, any> {
  readonly state: any
  readonly broadcast: any
  readonly timers: Timers
  readonly wallTimers: Timers
  timer!: TimerContext<unknown>['timer']
  readonly #host: ContextHost
  #sides: SideResult[] = []
  #failures: FailedValue[] = []

  constructor(host: ContextHost) {
    this.#host = host
    this.state = host.state
    this.broadcast = host.broadcast
    this.timers = host.timers
    this.wallTimers = host.wallTimers
  }

  get key(): unknown {
    return this.#call.current && this.#host.key()
  }

  get timestamp(): number {
    return this.#call.current && this.#call.time
  }

  get watermark(): number {
    return this.#call.current && this.#host.watermark
  }

  get record(): StreamRecord<any> {
    return this.#call.current && this.#host.record()
  }

  get #call(): Call {
    return this.#host.call
  }

  side: KeyContext<any, any, any>['side'] = (name, value) => {
    const { sides, freeze, call } = this.#host
    if (!sides.includes(name))
      throw new TypeError(`There is no side output "${name}", only: ${sides.join(', ') || 'none'}`)
    this.#sides.push({ side: name, result: resultOf(value, call.current && call.time, freeze) })
  }

  fail: KeyContext<any, any, any>['fail'] = (value, error) => {
    if (this.#host.call.current) this.#failures.push({ value, error })
  }

  /** What the call in work has given up, given once. */
  takeFailures(): FailedValue[] {
    if (this.#failures.length === 0) return noFailures
    const failures = this.#failures
    this.#failures = []
    return failures
  }

  /** What the call in work has sent aside, given once. */
  takeSides(): SideResult[] {
    if (this.#sides.length === 0) return none
    const sides = this.#sides
    this.#sides = []
    return sides
  }
}

const none: SideResult[] = []
const noFailures: FailedValue[] = []
