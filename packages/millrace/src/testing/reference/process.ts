import type { ProcessNode, StateSpec } from '../../plan/graph.ts'
import { Out } from '../../plan/out.ts'
import { toMs } from '../../std/duration.ts'
import { call, recordView, StepFailure } from './callbacks.ts'
import type { FlowRecord } from './types.ts'

interface Entry {
  readonly sub?: unknown
  readonly value: unknown
  readonly time: number
}

/** What is kept under one key: a list of entries for each state, and the timers. */
export interface KeptState {
  readonly record: FlowRecord
  readonly entries: Readonly<Record<string, readonly Entry[]>>
  readonly timers: readonly KeptTimer[]
}

export interface KeptTimer {
  readonly tag: string
  readonly due: number
  /** 0 when a record set it, else one more than the timer that did. */
  readonly generation: number
}

/** A call with what it may look at. */
interface Moment {
  /** Event time of the call. */
  readonly time: number
  /** The event time that has reached the step. */
  readonly watermark: number
  readonly timer?: KeptTimer
}

/** What came of a call: the next state, the results by port. */
export interface CallResult {
  readonly next: KeptState
  readonly results: readonly { readonly port: 'out' | `side:${string}`; readonly result: unknown }[]
}

export function emptyState(record: FlowRecord): KeptState {
  return { record, entries: {}, timers: [] }
}

/** Calls a step's callback, or its `onTimer`, on copies: a `StepFailure` has changed nothing. */
export function callProcess(
  node: ProcessNode,
  kept: KeptState,
  moment: Moment,
  value: unknown,
  record: FlowRecord,
): CallResult {
  const state = new CallState(node, kept, moment)
  const context = state.context(record)
  const returned = moment.timer === undefined ? call(node.fn, value, context) : call(node.onTimer!, context)
  const results = returned === undefined ? [] : call(() => [...(returned as Iterable<unknown>)])
  for (const result of results)
    if ((result instanceof Out ? result.value : result) === undefined)
      throw new StepFailure('error', 'the callback gave undefined')
  return {
    next: { record: kept.record, entries: state.entries, timers: state.timers },
    results: [...results.map(result => ({ port: 'out' as const, result })), ...state.aside],
  }
}

class CallState {
  readonly entries: Record<string, readonly Entry[]>
  timers: readonly KeptTimer[]
  readonly aside: { port: `side:${string}`; result: unknown }[] = []
  readonly #node: ProcessNode
  readonly #moment: Moment

  constructor(node: ProcessNode, kept: KeptState, moment: Moment) {
    this.#node = node
    this.#moment = moment
    this.entries = Object.fromEntries(node.states.map(({ name }) => [name, kept.entries[name] ?? []]))
    this.timers = kept.timers.filter(timer => timer !== moment.timer)
  }

  get #now(): number {
    return Math.max(this.#moment.time, this.#moment.watermark)
  }

  context(record: FlowRecord): object {
    const { time: timestamp, watermark, timer } = this.#moment
    const states = this.#node.states.map(spec => [spec.name, this.#handle(spec)])
    return {
      key: record.key,
      timestamp,
      watermark,
      record: recordView(record),
      timer: timer && { tag: timer.tag, time: timer.due, clock: 'event' },
      state: Object.fromEntries(states),
      timers: this.#timers(),
      side: (name: string, result: unknown) => void this.aside.push({ port: `side:${name}`, result }),
    }
  }

  #timers(): object {
    const others = (tag: string) => this.timers.filter(timer => timer.tag !== tag)
    const at = (time: number, tag = '') => {
      const { timer } = this.#moment
      if (timer !== undefined && time <= timer.due)
        throw new RangeError('the timer is not after the one that sets it')
      const due = Math.max(time, this.#moment.watermark)
      this.timers = [...others(tag), { tag, due, generation: (timer?.generation ?? -1) + 1 }]
    }
    return {
      at,
      after: (delay: number, tag?: string) => at(this.#moment.time + toMs(delay, 'after'), tag),
      get: (tag = '') => this.timers.find(timer => timer.tag === tag)?.due,
      cancel: (tag = '') => {
        this.timers = others(tag)
      },
    }
  }

  #handle({ name, kind, ttlMs = Number.POSITIVE_INFINITY }: StateSpec): object {
    const stored = () => this.entries[name]!
    // What is over at this call may be there for one at an earlier time.
    const all = () => stored().filter(({ time }) => this.#now < time + ttlMs)
    const put = (entries: readonly Entry[]) => {
      this.entries[name] = entries
    }
    const found = (sub: unknown) => all().find(each => each.sub === sub)?.value
    const set = (sub: unknown, value: unknown) => {
      const known = all().find(each => each.sub === sub)
      const entry = { sub, value, time: Math.max(known?.time ?? 0, this.#now) }
      if (known !== undefined) put(stored().map(each => (each === known ? entry : each)))
      else put([...stored().filter(each => each.sub !== sub), entry])
    }
    const drop = (sub: unknown) => put(stored().filter(each => each.sub !== sub))
    const takeOut = (at: number) => {
      const entry = all().at(at)
      put(stored().filter(each => each !== entry))
      return entry?.value
    }
    switch (kind) {
      case 'value':
        return {
          get: () => found(undefined),
          set: (value: unknown) => set(undefined, value),
          delete: () => drop(undefined),
        }
      case 'list':
        return {
          get length() {
            return all().length
          },
          at: (index: number) => all().at(index)?.value,
          push: (...items: unknown[]) =>
            put([...stored(), ...items.map(value => ({ value, time: this.#now }))]),
          shift: () => takeOut(0),
          pop: () => takeOut(-1),
          clear: () => put([]),
          *[Symbol.iterator]() {
            for (const { value } of all()) yield value
          },
        }
      case 'map':
        return {
          get size() {
            return all().length
          },
          has: (sub: unknown) => all().some(each => each.sub === sub),
          get: found,
          set,
          delete: drop,
          keys: () => all().map(({ sub }) => sub),
          values: () => all().map(({ value }) => value),
          clear: () => put([]),
          *[Symbol.iterator]() {
            for (const { sub, value } of all()) yield [sub, value]
          },
        }
    }
  }
}
