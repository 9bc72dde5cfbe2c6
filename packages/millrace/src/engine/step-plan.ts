import type { AggregateNode, Emission, EmitNode, Graph, WindowSpec } from '../plan/graph.ts'
import type { LayoutColumn, StoreLayout } from '../state/layout.ts'
import type { StoreDefinition } from '../state/row-codec.ts'
import type { CountWindow } from '../window/count-window.ts'
import { type EventWindow, hasGrid, isOfEvents, type WindowGrid, windowGrid } from '../window/window.ts'
import type { Column } from './aggregates/column.ts'
import { columnsOf } from './aggregates/columns.ts'
import { depthOf } from './depth.ts'
import type { Reach } from './reach.ts'
import { type Panes, panesOf } from './windows/panes.ts'

/** The columns of the emissions that keep something in a row. */
const flagNames: ReadonlyMap<Emission['kind'], string> = new Map([
  ['every', '#changed'],
  ['count', '#taken'],
  ['when', '#held'],
])

/** One emission of an aggregate step. */
export interface EmissionPlan {
  readonly node: EmitNode
  /**
   * The row's double that says "changed since the last tick", counts the records since the last row, or says that the condition has held;
   * -1 for other emissions.
   */
  readonly flagAt: number
}

/** Windows that lie where the records are: each row says where its own begins and ends. */
export interface EventWindowPlan {
  readonly window: EventWindow
  readonly startAt: number
  readonly lastAt: number
}

/**
 * Windows of so many records: a row has a slot for each window that may be open at a time, and counts all records of its key behind them.
 * Offsets of columns are those in the first slot.
 */
export interface CountWindowPlan {
  readonly window: CountWindow
  readonly slots: number
  readonly slotWidth: number
  /** In a slot: the earliest and the latest time, and how many records it has taken. */
  readonly startAt: number
  readonly lastAt: number
  readonly takenAt: number
  /** The row's double with the number of records of its key. */
  readonly totalAt: number
}

/** Everything fixed about an aggregate step: where its columns lie in a row, when it emits. */
export interface StepPlan {
  readonly node: AggregateNode
  readonly columns: readonly Column[]
  /** Where each column's doubles begin in a row. */
  readonly offsets: readonly number[]
  /** The row's double with the largest contributing time; -1 where no emission needs it. */
  readonly timeAt: number
  readonly emissions: readonly EmissionPlan[]
  /** How long after its end a window takes records: its grace, and the lateness allowed behind it. */
  readonly graceMs: number
  /** The row's double that says that its row of `final` has to go out, where that may be again; -1 elsewhere. */
  readonly untoldAt: number
  readonly width: number
  readonly initial: Float64Array
  readonly reach: Reach
  /** Set where windows lie where the records are. */
  readonly eventWindow: EventWindowPlan | undefined
  /** Set for windows of so many records. */
  readonly counted: CountWindowPlan | undefined
  /** Set where windows lie fast. */
  readonly grid: WindowGrid | undefined
  /** Set where hopping windows share rows. */
  readonly panes: Panes | undefined
  /** See `depthOf`. */
  readonly depth: number
}

export function planStep(graph: Graph, node: AggregateNode, reach: Reach): StepPlan {
  const columns = columnsOf(node)
  const initial: number[] = []
  const offsets = columns.map(column => {
    const at = initial.length
    initial.push(...column.initial)
    return at
  })
  const emits = graph.nodes.filter(
    (other): other is EmitNode => other.kind === 'emit' && other.inputs.some(edge => edge.from === node.id),
  )
  const { window } = node
  const ofEvents = window !== undefined && isOfEvents(window) ? window : undefined
  const needsTime = ofEvents !== undefined || emits.some(emit => emit.emission.kind !== 'final')
  const timeAt = needsTime ? initial.push(Number.NEGATIVE_INFINITY) - 1 : -1
  const emissions = emits.map(emit => ({
    node: emit,
    flagAt: flagNames.has(emit.emission.kind) ? initial.push(0) - 1 : -1,
  }))
  const latenessMs = Math.max(0, ...emits.map(({ emission }) => latenessOf(emission)))
  const untoldAt = latenessMs > 0 ? initial.push(0) - 1 : -1
  const counted = window?.kind === 'count' ? planCounted(window, initial) : undefined
  return {
    node,
    columns,
    offsets,
    timeAt,
    emissions,
    graceMs: (window !== undefined && 'graceMs' in window ? window.graceMs : 0) + latenessMs,
    untoldAt,
    width: initial.length,
    initial: Float64Array.from(initial),
    reach,
    counted,
    // Their store keeps more in a row than the step's doubles, the start before all.
    eventWindow: ofEvents && { window: ofEvents, startAt: initial.length, lastAt: timeAt },
    grid: window !== undefined && hasGrid(window) ? windowGrid(window) : undefined,
    panes: panesOf(window, columns, emits),
    depth: depthOf(graph, node),
  }
}

/** The lateness that an emission allows behind the grace of its windows. */
function latenessOf(emission: Emission): number {
  return emission.kind === 'final' ? (emission.allowedLatenessMs ?? 0) : 0
}

/** Lays the slots of a row out; `initial` has the columns of the first one so far. */
function planCounted(window: CountWindow, initial: number[]): CountWindowPlan {
  const startAt = initial.push(Number.POSITIVE_INFINITY) - 1
  const lastAt = initial.push(Number.NEGATIVE_INFINITY) - 1
  const takenAt = initial.push(0) - 1
  const slotWidth = initial.length
  const slots = Math.ceil(window.records / window.slide)
  const slot = [...initial]
  for (let i = 1; i < slots; i++) initial.push(...slot)
  const totalAt = initial.push(0) - 1
  return { window, slots, slotWidth, startAt, lastAt, takenAt, totalAt }
}

/** What the step's store is made of (SEMANTICS 8.1). The engine's own columns stand behind the user's. */
export function storeDefinition(plan: StepPlan, keySerde: string, nextSeed: () => number): StoreDefinition {
  const { node, columns } = plan
  if (plan.counted !== undefined) return countedDefinition(plan, plan.counted, keySerde, nextSeed)
  const own: LayoutColumn[] = []
  if (plan.timeAt >= 0) own.push(ownColumn(plan.eventWindow ? '#last' : '#time'))
  plan.emissions.forEach(({ node, flagAt }, i) => {
    if (flagAt >= 0) own.push(ownColumn(`${flagNames.get(node.emission.kind)}${i}`))
  })
  if (plan.untoldAt >= 0) own.push(ownColumn('#untold'))
  const layout: StoreLayout = {
    step: node.name,
    kind: plan.eventWindow ? 'sessions' : node.window ? 'windows' : 'table',
    columns: [...columns.map(layoutColumn), ...own],
    keySerde,
    window: node.window && windowLayout(node.window, plan.panes),
    version: 1,
  }
  const widths = columns.map(column => (column.object ? [] : column.initial))
  return {
    layout,
    initial: [...widths.flat(), ...plan.initial.slice(plan.width - own.length)],
    objects: columns.flatMap(column => column.object ?? []),
    nextSeed,
  }
}

/** A store of one row per key, with the columns of each slot one after the other. */
function countedDefinition(
  { node, columns, initial }: StepPlan,
  counted: CountWindowPlan,
  keySerde: string,
  nextSeed: () => number,
): StoreDefinition {
  const slots = Array.from({ length: counted.slots }, (_, i) => i)
  const slotColumns = (i: number): LayoutColumn[] =>
    [...columns.map(layoutColumn), ...['#start', '#last', '#taken'].map(ownColumn)].map(column => ({
      ...column,
      name: i === 0 ? column.name : `#${i}.${column.name}`,
    }))
  const plain = columns.flatMap(column => (column.object ? [] : column.initial))
  const own = initial.slice(counted.startAt, counted.slotWidth)
  return {
    layout: {
      step: node.name,
      kind: 'table',
      columns: [...slots.flatMap(slotColumns), ownColumn('#total')],
      keySerde,
      window: windowLayout(counted.window, undefined),
      version: 1,
    },
    initial: [...slots.flatMap(() => [...plain, ...own]), 0],
    objects: slots.flatMap(() => columns.flatMap(column => column.object ?? [])),
    nextSeed,
  }
}

/** Grace and the like may change while the state stays; rows of panes are no rows of windows. */
function windowLayout(spec: WindowSpec, panes: Panes | undefined): StoreLayout['window'] {
  const { graceMs: _grace, incomplete: _incomplete, ...window } = { graceMs: 0, incomplete: '', ...spec }
  return panes === undefined ? window : { ...window, panes: panes.perWindow }
}

function layoutColumn(column: Column): LayoutColumn {
  return {
    name: column.name,
    aggregator: column.aggregator,
    doubles: column.object ? 0 : column.initial.length,
    objects: column.object ? 1 : 0,
    version: column.version,
  }
}

function ownColumn(name: string): LayoutColumn {
  return { name, aggregator: name, doubles: 1, objects: 0, version: 1 }
}
