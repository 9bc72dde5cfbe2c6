import fc from 'fast-check'
import type { CalendarUnit } from '../../window/calendar.ts'
import { type FlatMapName, flatMaps, type MapName, maps, type PredicateName, predicates } from './hit.ts'
import type { JoinRecipe } from './joined.ts'
import type { ProcessRecipe } from './process.ts'
import type { TablesRecipe } from './tables.ts'

/** A random pipeline as data: it is what fast-check prints and shrinks; `buildRecipe` makes it real. */
export interface Recipe {
  readonly sources: readonly SourceRecipe[]
  /** Fed one into the next, through final rows. */
  readonly stages: readonly StageRecipe[]
  readonly last: readonly StepRecipe[]
}

export interface SourceRecipe {
  readonly partitions: number
  /** `said`: some records say how far event time is. */
  readonly outOfOrder: number | 'said'
  /** How far its partitions may be apart, if that is limited. */
  readonly maxDrift: number | null
  /** The event time is the field `at` instead of the record's time. */
  readonly timed: boolean
  readonly nulls: boolean
  /** A map in front of everything sets earlier event times. */
  readonly earlier: boolean
  readonly steps: readonly StepRecipe[]
}

export type StepRecipe =
  | { readonly step: 'filter'; readonly by: PredicateName }
  | { readonly step: 'map'; readonly by: MapName }
  | { readonly step: 'flatMap'; readonly by: FlatMapName }
  | { readonly step: 'peek' }
  | { readonly step: 'copyTo' }
  | { readonly step: 'failedTo' }
  | { readonly step: 'branch'; readonly by: PredicateName; readonly rejoin: boolean }
  | AskRecipe

/** An `asyncMap`. */
export interface AskRecipe {
  readonly step: 'ask'
  readonly by: MapName
  readonly concurrency: number
  readonly order: 'key' | 'none'
}

export interface StageRecipe {
  readonly steps: readonly StepRecipe[]
  readonly keying: KeyingRecipe
  /** A stateless sink right behind the keying. */
  readonly tap: boolean
  readonly keyedFilter: PredicateName | 'none'
  /** With the second source in the first stage where there are two, else with a part of itself. */
  readonly join: JoinRecipe | 'none'
  readonly process: ProcessRecipe | 'none'
  readonly window: WindowRecipe | 'none'
  readonly columns: readonly ColumnName[]
  /** How the rows of a table leave it. */
  readonly afterCount: { readonly records: number; readonly reset: boolean } | 'none'
  /** A row of a table or a window when it has so many records, or a total that is odd. */
  readonly when: { readonly records: number | 'odd'; readonly again: boolean } | 'none'
  /** What is made of the rows where there is no window. */
  readonly tables: TablesRecipe | 'none'
  readonly updates: boolean
  readonly lateTo: boolean
}

export interface KeyingRecipe {
  /** `own` is byKey(); it falls back to keyBy where several sources have unequal partition counts. */
  readonly by: 'own' | 'user' | 'page' | 'bucket'
  readonly partitions: number | undefined
  readonly watermark: number
  /** So many keyBys more, in front of it. */
  readonly before: number
  /** A map in front of the first keyBy sets earlier event times; not where there is none, behind a window. */
  readonly earlier: boolean
}

export interface WindowRecipe {
  readonly sizeMs: number
  /** A window begins with every so many parts of the size; 1 is tumbling. */
  readonly parts: number
  readonly offsetMs: number
  readonly graceMs: number
  /** How long rows of windows on a grid come again; nothing follows them then. */
  readonly latenessMs: number
  /** A unit of the calendar instead of a size, sessions with the size as their gap, some of them of a limited length, windows that slide or count. */
  readonly unit: CalendarUnit | 'session' | 'sliding' | 'count' | null
}

const columnNames = ['lo', 'hi', 'mean', 'pages', 'first', 'last', 'ids', 'p90', 'bits', 'slow'] as const
const orderFreeNames = ['lo', 'hi', 'mean', 'pages', 'p90', 'slow'] as const
export type ColumnName = (typeof columnNames)[number]

const namesOf = <T extends object>(callbacks: T) =>
  fc.constantFrom(...(Object.keys(callbacks) as (keyof T)[]))

const step: fc.Arbitrary<StepRecipe> = fc.oneof(
  fc.record({ step: fc.constant('filter' as const), by: namesOf(predicates) }),
  fc.record({ step: fc.constant('map' as const), by: namesOf(maps) }),
  fc.record({ step: fc.constant('flatMap' as const), by: namesOf(flatMaps) }),
  fc.record({ step: fc.constant('branch' as const), by: namesOf(predicates), rejoin: fc.boolean() }),
  fc.record({ step: fc.constantFrom('peek' as const, 'copyTo' as const, 'failedTo' as const) }),
  fc.record({
    step: fc.constant('ask' as const),
    by: namesOf(maps),
    concurrency: fc.integer({ min: 1, max: 3 }),
    order: fc.constantFrom('key' as const, 'none' as const),
  }),
)

const source: fc.Arbitrary<SourceRecipe> = fc.record({
  partitions: fc.integer({ min: 1, max: 4 }),
  outOfOrder: fc.constantFrom(0, 500, 5_000, 'said' as const),
  maxDrift: fc.constantFrom(null, 0, 1_000, 60_000),
  timed: fc.boolean(),
  nulls: fc.boolean(),
  earlier: fc.nat({ max: 3 }).map(n => n === 3),
  steps: fc.array(step, { maxLength: 2 }),
})

const stage: fc.Arbitrary<StageRecipe> = fc.record({
  steps: fc.array(step, { maxLength: 2 }),
  keying: fc.record({
    by: fc.constantFrom('own' as const, 'user' as const, 'page' as const, 'bucket' as const),
    partitions: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    watermark: fc.constantFrom(1, 100, 7_000),
    before: fc.constantFrom(0, 0, 0, 1, 2),
    earlier: fc.nat({ max: 3 }).map(n => n === 3),
  }),
  tap: fc.boolean(),
  keyedFilter: fc.constantFrom('none' as const, 'none' as const, 'slow' as const, 'throwing' as const),
  join: fc.oneof(
    { weight: 2, arbitrary: fc.constant('none' as const) },
    {
      weight: 1,
      arbitrary: fc.record({
        how: fc.constantFrom('join' as const, 'leftJoin' as const, 'outerJoin' as const),
        beforeMs: fc.constantFrom(0, 700, 5_000),
        afterMs: fc.constantFrom(0, 1_000, 12_000),
        graceMs: fc.constantFrom(0, 0, 3_000),
        again: fc.boolean(),
        lateTo: fc.boolean(),
      }),
    },
  ),
  process: fc.oneof(
    { weight: 1, arbitrary: fc.constant('none' as const) },
    {
      weight: 1,
      arbitrary: fc.record({
        delayMs: fc.constantFrom(0, 700, 5_000, 60_000),
        ttlMs: fc.constantFrom(null, 3_000, 40_000),
        holdBackMs: fc.constantFrom(0, 0, 4_000),
        aside: fc.boolean(),
      }),
    },
  ),
  window: fc.oneof(
    { weight: 2, arbitrary: fc.constant('none' as const) },
    {
      weight: 4,
      arbitrary: fc.record({
        sizeMs: fc.constantFrom(1_000, 10_000, 45_000),
        parts: fc.constantFrom(1, 1, 2, 2.5, 5),
        offsetMs: fc.constantFrom(0, 0, 300),
        graceMs: fc.constantFrom(0, 0, 2_000, 60_000),
        latenessMs: fc.constantFrom(0, 0, 0, 0, 1_000, 30_000),
        unit: fc.constantFrom(
          ...new Array<null>(5).fill(null),
          'session' as const,
          'session' as const,
          'sliding' as const,
          'sliding' as const,
          'count' as const,
          'hour' as const,
          'day' as const,
          'month' as const,
        ),
      }),
    },
  ),
  // Without columns that mind the order, hopping windows share their rows.
  columns: fc.oneof(fc.subarray([...columnNames]), fc.subarray([...orderFreeNames])),
  afterCount: fc.oneof(
    fc.constant('none' as const),
    fc.record({ records: fc.integer({ min: 1, max: 4 }), reset: fc.boolean() }),
  ),
  when: fc.oneof(
    fc.constant('none' as const),
    fc.record({ records: fc.constantFrom(1, 2, 'odd' as const), again: fc.boolean() }),
  ),
  tables: fc.oneof(
    { weight: 1, arbitrary: fc.constant('none' as const) },
    {
      weight: 3,
      arbitrary: fc.record({
        ttlMs: fc.constantFrom(null, null, 2_000, 60_000),
        how: fc.constantFrom('join' as const, 'leftJoin' as const, 'outerJoin' as const),
        foreign: fc.constantFrom('joinForeign' as const, 'leftJoinForeign' as const),
        refersTo: fc.constantFrom('groups' as const, 'itself' as const),
        lookUp: fc.constantFrom('join' as const, 'leftJoin' as const, 'none' as const),
        again: fc.boolean(),
      }),
    },
  ),
  updates: fc.boolean(),
  lateTo: fc.boolean(),
})

export const arbitraryRecipe: fc.Arbitrary<Recipe> = fc.record({
  sources: fc.array(source, { minLength: 1, maxLength: 2 }),
  stages: fc.array(stage, { maxLength: 2 }),
  last: fc.array(step, { maxLength: 2 }),
})
