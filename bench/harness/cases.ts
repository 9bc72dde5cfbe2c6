import type { Workload } from '../data/oracle.ts'
import type { LoopStyle } from '../loops/decode.ts'

export type Where = 'memory' | 'embedded'

/** One program on one log. */
export interface Case {
  readonly workload: Workload
  readonly where: Where
  readonly program: 'millrace' | 'loop'
  readonly style: LoopStyle
  /** Only as much as shows that everything works: the figures mean nothing. */
  readonly quick?: boolean
}

/** How many records a case reads; the first part of them is warm-up. */
export interface Volume {
  readonly records: number
  readonly warmUpRecords: number
}

const million = 1_000_000
/** Enough for 1.5 CPU-seconds behind the warm-up at the rates these cases reach. */
const slow: Volume = { records: 1.2 * million, warmUpRecords: 0.3 * million }
const middle: Volume = { records: 2 * million, warmUpRecords: 0.5 * million }
const fast: Volume = { records: 5 * million, warmUpRecords: 1.2 * million }

const quickly: Volume = { records: 0.2 * million, warmUpRecords: 0.05 * million }

export function volumeOf({ workload, style, quick }: Case): Volume {
  if (quick) return quickly
  if (style === 'parse' || style === 'schema') return slow
  return workload === 'w2' || workload === 'w3' ? middle : fast
}

export function nameOf({ workload, where, program, style }: Case): string {
  return `${workload} ${where} ${program} ${style}`
}

export const workloads: readonly Workload[] = ['w0', 'w1', 'sessions', 'w2', 'w3']
export const places: readonly Where[] = ['embedded', 'memory']

/** The styles of a workload; a filter is a callback, so W0 has no fields to name. Sessions stand beside W1 with fields. */
export function stylesOf(workload: Workload): LoopStyle[] {
  if (workload === 'sessions') return ['fields']
  if (workload === 'w3') return ['callbacks']
  return workload === 'w0' ? ['callbacks', 'schema'] : ['callbacks', 'fields', 'schema']
}

/** What is also written by hand: neither sessions nor the join. */
function loopStylesOf(workload: Workload): LoopStyle[] {
  return workload === 'sessions' || workload === 'w3' ? [] : [...stylesOf(workload), 'parse']
}

export function allCases(): Case[] {
  return workloads.flatMap(workload =>
    places.flatMap(where => [
      ...stylesOf(workload).map((style): Case => ({ workload, where, program: 'millrace', style })),
      ...loopStylesOf(workload).map((style): Case => ({ workload, where, program: 'loop', style })),
    ]),
  )
}
