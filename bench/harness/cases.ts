import { fewUsers } from '../data/events.ts'
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

export function volumeOf(each: Case): Volume {
  // Between two commits re-keying runs ahead of what comes behind it, by half of the input where it is fast: no commit tells what is done.
  return each.workload === 'w2' ? { ...usualVolume(each), warmUpRecords: 0 } : usualVolume(each)
}

function usualVolume({ workload, style, quick }: Case): Volume {
  if (quick) return quickly
  if (style === 'parse' || style === 'schema') return slow
  return ['w2', 'w3', 'pairs'].includes(workload) ? middle : fast
}

export function nameOf({ workload, where, program, style }: Case): string {
  return `${workload} ${where} ${program} ${style}`
}

export const workloads: readonly Workload[] = [
  'w0',
  'w1',
  'minutes',
  'hopping',
  'sessions',
  'w2',
  'w3',
  'pairs',
]
export const places: readonly Where[] = ['embedded', 'memory']

/** The styles of a workload; a filter is a callback, so W0 has no fields to name. Other windows stand beside W1 with fields. */
export function stylesOf(workload: Workload): LoopStyle[] {
  if (workload === 'w3' || workload === 'pairs') return ['callbacks']
  if (workload === 'w0') return ['callbacks', 'schema']
  return workload === 'w1' || workload === 'w2' ? ['callbacks', 'fields', 'schema'] : ['fields']
}

/** What is also written by hand. */
function loopStylesOf(workload: Workload): LoopStyle[] {
  return isByHand(workload) ? [...stylesOf(workload), 'parse'] : []
}

export type ByHand = 'w0' | 'w1' | 'w2' | 'w3'

export function isByHand(workload: Workload): workload is ByHand {
  return ['w0', 'w1', 'w2', 'w3'].includes(workload)
}

/** Keys of the input; undefined for the usual 100,000. */
export function usersOf(workload: Workload): number | undefined {
  return workload === 'minutes' || workload === 'hopping' ? fewUsers : undefined
}

export function allCases(): Case[] {
  return workloads.flatMap(workload =>
    places.flatMap(where => [
      ...stylesOf(workload).map((style): Case => ({ workload, where, program: 'millrace', style })),
      ...loopStylesOf(workload).map((style): Case => ({ workload, where, program: 'loop', style })),
    ]),
  )
}
