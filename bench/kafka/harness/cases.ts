import { type Workload, workloads } from '../data/oracle.ts'

/** Who does the work: the engine, loops written by hand, and other systems. */
export type Program = 'millrace' | 'loop' | 'raw' | Peer
export type Peer = 'kafka-streams' | 'flink' | 'quix'
const peers: readonly Peer[] = ['kafka-streams', 'flink', 'quix']

export function isPeer(program: Program): program is Peer {
  return (peers as readonly Program[]).includes(program)
}

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
export function recordsOf({ workload, program }: Case, records: number): number {
  const share = program === 'quix' ? 8 : workload === 'w2' ? 2 : 1
  return Math.ceil(records / share)
}

/** All cases, those of a workload beside each other. W3, a join with a table, is written for no other system so far. */
export function allCases(): Case[] {
  return workloads.flatMap(workload =>
    workload === 'w3' ? joined() : [...own(workload), ...peers.map(program => peer(workload, program))],
  )
}

function joined(): Case[] {
  const once = {
    workload: 'w3',
    program: 'millrace',
    style: 'callbacks',
    guarantee: 'exactly-once',
    commitMs: 1_000,
  } as const
  return [
    once,
    { ...once, program: 'loop' },
    { ...once, commitMs: 100 },
    { ...once, guarantee: 'at-least-once' },
  ]
}

function own(workload: Workload): Case[] {
  const once = { workload, guarantee: 'exactly-once', commitMs: 1_000 } as const
  const hasFields = workload === 'w1'
  return [
    { ...once, program: 'millrace', style: 'callbacks' },
    { ...once, program: 'loop', style: 'callbacks' },
    { ...once, program: 'millrace', style: 'callbacks', commitMs: 100 },
    { ...once, program: 'millrace', style: 'callbacks', guarantee: 'at-least-once' },
    ...(hasFields ? ([{ ...once, program: 'millrace', style: 'fields' }] as const) : []),
    ...(hasFields ? ([{ ...once, program: 'loop', style: 'fields' }] as const) : []),
    { ...once, program: 'millrace', style: 'whole' },
    ...(workload === 'w2' ? [] : [raw(workload)]),
  ]
}

function raw(workload: Workload): Case {
  return { workload, program: 'raw', style: 'own', guarantee: 'at-least-once', commitMs: 1_000 }
}

function peer(workload: Workload, program: Peer): Case {
  return { workload, program, style: 'own', guarantee: 'at-least-once', commitMs: 1_000 }
}
