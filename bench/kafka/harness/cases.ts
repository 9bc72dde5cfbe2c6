import { type Workload, workloads } from '../data/oracle.ts'

/** Who does the work: the engine, and loops written by hand. */
export type Program = 'millrace' | 'loop' | 'raw'

/** Plain callbacks, names of fields, or callbacks whose value escapes so that it is decoded whole. */
export type Style = 'callbacks' | 'fields' | 'whole'
export type Guarantee = 'exactly-once' | 'at-least-once'

export interface Case {
  readonly workload: Workload
  readonly program: Program
  readonly style: Style | 'own'
  readonly guarantee: Guarantee
  readonly commitMs: number
}

/** The case that all others are held against: of each workload, with the loop that is written the same way. */
export function isReference({ program, style, guarantee, commitMs }: Case): boolean {
  return program === 'millrace' && style === 'callbacks' && guarantee === 'exactly-once' && commitMs === 1_000
}

export function nameOf({ workload, program, style, guarantee, commitMs }: Case): string {
  return [workload, program, style, guarantee, `${commitMs}ms`].join(' ')
}

/** Records a case reads: slow ones fewer. */
export function recordsOf({ workload }: Case, records: number): number {
  return Math.ceil(records / (workload === 'w2' ? 2 : 1))
}

/** All cases, those of a workload beside each other. W3, a join with a table, comes in here when there are joins. */
export function allCases(): Case[] {
  return workloads.flatMap(own)
}

function own(workload: Workload): Case[] {
  const once = { workload, guarantee: 'exactly-once', commitMs: 1_000 } as const
  const hasFields = workload === 'w1'
  return [
    { ...once, program: 'millrace', style: 'callbacks' },
    { ...once, program: 'loop', style: 'callbacks' },
    { ...once, program: 'millrace', style: 'callbacks', commitMs: 100 },
    ...(hasFields ? ([{ ...once, program: 'millrace', style: 'fields' }] as const) : []),
    ...(hasFields ? ([{ ...once, program: 'loop', style: 'fields' }] as const) : []),
    { ...once, program: 'millrace', style: 'whole' },
    ...(workload === 'w2' ? [] : [raw(workload)]),
  ]
}

function raw(workload: Workload): Case {
  return { workload, program: 'raw', style: 'own', guarantee: 'at-least-once', commitMs: 1_000 }
}
