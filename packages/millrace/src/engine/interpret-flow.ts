import type { FieldOrFn } from '../plan/graph.ts'
import type { KeyKind } from '../serde/serde.ts'
import { keyChangedFailure, keyKindFailure, noKeyFailure } from './results.ts'
import type { Task } from './task.ts'

/** A record at some place of the graph; see `Arrival`. */
export interface Flow {
  readonly v: unknown
  readonly raw: boolean
  readonly kb: Buffer
  readonly ks: number
  readonly ke: number
  readonly k: unknown
  readonly t: number
  readonly h: Uint8Array | null | undefined
  /** False for rows of a store: they are late only by what has closed. */
  readonly judged: boolean
  /** Start of the window an update belongs to. */
  readonly start: number
}

export function call<T>(task: Task, fn: (value: any, record: any) => T, flow: Flow): T {
  const { v, kb, ks, ke, k, t, h } = flow
  return fn(v, task.record.set(kb, ks, ke, k, task.keyKindInWork, t, h))
}

export function fieldOf(task: Task, field: FieldOrFn, flow: Flow): unknown {
  return typeof field === 'string' ? (flow.v as Record<string, unknown>)[field] : call(task, field, flow)
}

/** Throws unless a record can be worked on by its key (SEMANTICS 5.1). */
export function checkKey(
  step: string,
  { k, ks }: Flow,
  kind: KeyKind | 0,
  accepts: (kind: KeyKind) => boolean,
): void {
  if (k !== undefined) throw keyChangedFailure(step)
  if (ks < 0) throw noKeyFailure(step)
  if (kind === 0 || !accepts(kind)) throw keyKindFailure(step)
}
