import type { Emission } from '../plan/graph.ts'
import { type Duration, toMs } from '../std/duration.ts'

export interface EveryOptions {
  /** `wall` (default): by the clock on the wall; `event`: when the watermark passes a multiple. */
  readonly time?: 'wall' | 'event'
}

/** Emits the rows that changed, each once, every `period` (SEMANTICS 5.8). */
export function every(period: Duration, { time = 'wall' }: EveryOptions = {}): Every {
  const everyMs = toMs(period, 'every')
  if (everyMs === 0) throw new TypeError("every: the period is 0; use emit('updates') for each change")
  return Object.freeze({ kind: 'every', everyMs, time })
}

/** Made by `every()`. */
export type Every = Extract<Emission, { kind: 'every' }>
