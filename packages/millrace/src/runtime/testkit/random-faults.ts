import { CommitError, LogError } from '../../log/log.ts'
import type { Fault, FaultPoint } from '../../log/memory/faults.ts'
import type { Random } from '../../std/random.ts'

/** What can strike, by name; counts say how often it did. */
export const faultKinds = [
  'aborted',
  'fenced',
  'unknown-not-done',
  'unknown-done',
  'fetch',
  'partition',
] as const
export type FaultKind = (typeof faultKinds)[number]

const unavailable = () => new LogError('unavailable', 'injected: not to be reached', { retriable: true })

const errors: Record<FaultKind, () => Error> = {
  aborted: () => new CommitError('aborted', 'injected: aborted'),
  fenced: () => new CommitError('fenced', 'injected: fenced'),
  'unknown-not-done': () => new CommitError('unknown', 'injected: no answer, and not done'),
  'unknown-done': () => new Error('injected: the answer was lost'),
  fetch: unavailable,
  partition: unavailable,
}

const kindsAt: Record<FaultPoint, readonly FaultKind[]> = {
  'commit.before': ['aborted', 'fenced', 'unknown-not-done'],
  'commit.after': ['unknown-done'],
  'append.before': [],
  'append.after': [],
  fetch: ['fetch'],
  'fetch.partition': ['partition'],
}

/** Faults of a memory log that strike at random while `rate` is above 0. */
export class RandomFaults {
  rate = 0
  readonly struck: Record<FaultKind, number> = {
    aborted: 0,
    fenced: 0,
    'unknown-not-done': 0,
    'unknown-done': 0,
    fetch: 0,
    partition: 0,
  }
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  readonly strike: Fault = point => {
    const kinds = kindsAt[point]
    // There are many fetches to a commit.
    const rate = point.startsWith('commit') ? 4 * this.rate : this.rate
    if (kinds.length === 0 || this.#random() >= rate) return undefined
    const kind = kinds[Math.floor(this.#random() * kinds.length)]!
    this.struck[kind]++
    return errors[kind]()
  }
}
