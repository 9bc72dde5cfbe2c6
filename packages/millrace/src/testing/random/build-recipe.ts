import type { Topic, TopicToWrite } from '../../plan/topic.ts'
import { json } from '../../serde/json.ts'
import {
  avg,
  type Columns,
  collect,
  count,
  countDistinct,
  custom,
  first,
  last,
  max,
  min,
  quantile,
  sum,
} from '../../stream/aggregates.ts'
import { afterCount, when } from '../../stream/emission.ts'
import { type Pipeline, type PipelineBuilder, pipeline } from '../../stream/pipeline.ts'
import type { KeyedStream, Stream } from '../../stream/stream.ts'
import type { Table } from '../../stream/table.ts'
import { topic } from '../../stream/topic.ts'
import { calendar } from '../../window/calendar.ts'
import { type CountWindow, countWindow } from '../../window/count-window.ts'
import { hopping } from '../../window/hopping.ts'
import { session } from '../../window/session.ts'
import { sliding } from '../../window/sliding.ts'
import { tumbling } from '../../window/tumbling.ts'
import type { EventWindow, GridWindow } from '../../window/window.ts'
import { OpenCalls } from './calls.ts'
import { earlier, flatMaps, type Hit, hitOfRow, maps, predicates, sayTime } from './hit.ts'
import { joined } from './joined.ts'
import { processed } from './process.ts'
import type { ColumnName, Recipe, SourceRecipe, StageRecipe, StepRecipe, WindowRecipe } from './recipe.ts'
import { lookedUp, type TablesRecipe, tablesOf } from './tables.ts'

type Hits = Stream<Hit, unknown>
type KeyedHits = KeyedStream<Hit, unknown>

export interface BuiltRecipe {
  readonly pipeline: Pipeline
  readonly sources: readonly Topic[]
  /** Every topic it writes, side streams that are not wired left out. */
  readonly sinks: readonly Topic[]
  /** What its asynchronous steps ask. */
  readonly calls: OpenCalls
}

/** The pipeline of a recipe, made with the public API. */
export function buildRecipe(recipe: Recipe): BuiltRecipe {
  const sources = recipe.sources.map(({ partitions, timed }, i) =>
    topic(`source-${i}`, { value: json<Hit>(), partitions, timestamp: timed ? hit => hit.at! : undefined }),
  )
  const sinks = new Sinks()
  const calls = new OpenCalls()
  const built = pipeline('random', { maxFailureRate: 1 }, p =>
    new RecipeBuilder(recipe, sources, sinks, calls).build(p),
  )
  return { pipeline: built, sources, sinks: sinks.topics, calls }
}

/** Makes a topic per sink; partition counts differ. */
class Sinks {
  readonly topics: Topic[] = []
  next(): TopicToWrite<unknown, unknown> {
    const made = topic(`sink-${this.topics.length}`, {
      value: json<unknown>(),
      partitions: 1 + (this.topics.length % 3),
    }) as Topic
    this.topics.push(made)
    return made as TopicToWrite<unknown, unknown>
  }
}

class RecipeBuilder {
  readonly #recipe: Recipe
  readonly #topics: readonly Topic<Hit, string>[]
  readonly #sinks: Sinks
  readonly #calls: OpenCalls
  #asks = 0

  constructor(recipe: Recipe, topics: readonly Topic<Hit, string>[], sinks: Sinks, calls: OpenCalls) {
    this.#recipe = recipe
    this.#topics = topics
    this.#sinks = sinks
    this.#calls = calls
  }

  build(p: PipelineBuilder): void {
    const { sources, stages, last } = this.#recipe
    const [head, ...others] = sources.map((source, i) => this.#source(p, source, i))
    const isJoined = others.length > 0 && (stages[0]?.join ?? 'none') !== 'none'
    const isMerged = others.length > 0 && !isJoined
    const mayAsk = !isMerged || new Set(sources.map(({ partitions }) => partitions)).size === 1
    let stream = isMerged ? head!.merge(...others) : head!
    for (const [i, stage] of stages.entries()) {
      const before = this.#steps(stream, stage.steps, mayAsk || i > 0)
      const rows = this.#stage(before, stage, i, isJoined && i === 0 ? others[0] : undefined)
      if (rows === undefined) return
      stream = rows
    }
    this.#steps(stream, last, mayAsk || stages.length > 0).to(this.#sinks.next())
  }

  #source(
    p: PipelineBuilder,
    { outOfOrder, maxDrift, nulls, steps, ...source }: SourceRecipe,
    i: number,
  ): Hits {
    const time = outOfOrder === 'said' ? { watermark: sayTime } : { outOfOrder }
    const read = p.from(this.#topics[i]!, { ...time, idle: 'never', nulls, maxDrift: maxDrift ?? undefined })
    return this.#steps(source.earlier ? read.map(earlier) : read, steps, true)
  }

  #steps(stream: Hits, steps: readonly StepRecipe[], mayAsk: boolean): Hits {
    return steps.reduce((before, step) => this.#step(before, step, mayAsk), stream)
  }

  #step(stream: Hits, recipe: StepRecipe, mayAsk: boolean): Hits {
    switch (recipe.step) {
      case 'filter':
        return stream.filter(predicates[recipe.by])
      case 'map':
        return stream.map<Hit>(maps[recipe.by] as (v: Hit) => Hit)
      case 'flatMap':
        return stream.flatMap(flatMaps[recipe.by])
      case 'peek':
        return stream.peek(() => {})
      case 'copyTo':
        stream.to(this.#sinks.next())
        return stream
      case 'failedTo': {
        const checked = stream.filter(predicates.throwing)
        checked.failed.to(this.#sinks.next())
        return checked
      }
      case 'branch': {
        const { taken, otherwise } = stream.branch({ taken: predicates[recipe.by] })
        const renamed = otherwise.map(v => ({ ...v, page: 'other' }))
        if (recipe.rejoin) return taken.merge(renamed)
        renamed.to(this.#sinks.next())
        return taken
      }
      case 'ask':
        // Topics that meet at its store need equal partition counts.
        if (!mayAsk) return stream.map(maps[recipe.by] as (v: Hit) => Hit)
        return stream.asyncMap(
          `ask-${this.#asks++}`,
          this.#calls.asking(maps[recipe.by] as (v: Hit) => Hit),
          {
            concurrency: recipe.concurrency,
            order: recipe.order,
          },
        )
    }
  }

  /** The final rows as hits, or undefined when nothing can follow. */
  #stage(stream: Hits, stage: StageRecipe, i: number, other: Hits | undefined): Hits | undefined {
    let keyed = this.#keyed(stream, stage, i)
    if (stage.tap) keyed.to(this.#sinks.next())
    if (stage.keyedFilter !== 'none') keyed = keyed.filter(predicates[stage.keyedFilter])
    if (stage.join !== 'none') {
      const right =
        other === undefined ? keyed.filter(predicates.odd) : this.#keyed(other, stage, i, 'right-')
      const { out, late } = joined(keyed, right, `join-${i}`, stage.join)
      if (stage.join.lateTo) for (const each of late) each.to(this.#sinks.next())
      out.to(this.#sinks.next())
      keyed = out
    }
    if (stage.process !== 'none' && this.#hasOneChannel(i)) {
      const { out, aside } = processed(keyed, `process-${i}`, stage.process)
      if (stage.process.aside) aside.to(this.#sinks.next())
      out.to(this.#sinks.next())
      keyed = out
    }
    const columns = columnsOf(stage.columns)
    if (stage.window === 'none') {
      if (stage.tables !== 'none') return this.#tables(keyed, stage, i, stage.tables)
      const { afterCount: after } = stage
      const emission = after === 'none' ? 'updates' : afterCount(after.records, { reset: after.reset })
      const table = keyed.aggregate(`table-${i}`, columns)
      table.emit(emission as 'updates').to(this.#sinks.next())
      const isAlone = after !== 'none' && after.reset
      if (stage.when !== 'none' && !isAlone) table.emit(conditionOf(stage.when)).to(this.#sinks.next())
      return undefined
    }
    if (stage.window.unit === 'count') {
      const counts = keyed.window(countsOf(stage.window)).aggregate(`table-${i}`, columns).emit('final')
      counts.to(this.#sinks.next())
      // What is not full at the end comes too late for whatever follows.
      const isLast = stage.window.offsetMs > 0 || stage.columns.some(isLoose)
      return isLast ? undefined : counts.map(hitOfRow)
    }
    const table = keyed.window(windowOf(stage.window)).aggregate(`table-${i}`, columns)
    if (stage.lateTo) table.late.to(this.#sinks.next())
    if (stage.updates) table.emit('updates').to(this.#sinks.next())
    const { latenessMs, unit } = stage.window
    if (stage.when !== 'none' && unit !== 'session' && unit !== 'sliding')
      table.emit(conditionOf(stage.when)).to(this.#sinks.next())
    const allowedLateness = unit === 'session' || unit === 'sliding' ? 0 : latenessMs
    const rows = table.emit('final', { allowedLateness })
    rows.to(this.#sinks.next())
    return allowedLateness > 0 || stage.columns.some(isLoose) ? undefined : rows.map(hitOfRow)
  }

  #tables(keyed: KeyedHits, stage: StageRecipe, i: number, recipe: TablesRecipe): undefined {
    const { ttlMs, lookUp } = recipe
    const isOrdered = stage.process === 'none' && this.#hasOneChannel(i)
    const base: Table<any, any> = isOrdered
      ? keyed.toTable(`rows-${i}`, { ttl: ttlMs ?? undefined })
      : keyed.aggregate(`table-${i}`, columnsOf(stage.columns.filter(name => !isLoose(name))))
    const write = (changes: Stream<any, any>) => changes.to(this.#sinks.next())
    const odd = tablesOf(base, `t${i}`, recipe, !this.#stays(stage, i), write)
    if (isOrdered && lookUp !== 'none') write(lookedUp(keyed, odd, lookUp))
  }

  /** Whether what each task of a stage reads comes from one task before it: what a process step does there is decided. */
  #hasOneChannel(i: number): boolean {
    const { sources, stages } = this.#recipe
    const [source] = sources
    if (sources.length > 1 || this.#asks > 0 || stages.slice(0, i + 1).some(({ join }) => join !== 'none'))
      return false
    const { by, before } = stages[i]!.keying
    if (i === 0 && by === 'own' && before === 0) return true
    const isOne = ({ keying }: StageRecipe) => (keying.partitions ?? 1) === 1
    return source!.partitions === 1 && stages.slice(0, i).every(isOne) && (before === 0 || isOne(stages[i]!))
  }

  #keyed(stream: Hits, { keying, join }: StageRecipe, i: number, side = ''): KeyedHits {
    const { watermark, before } = keying
    if (this.#stays(this.#recipe.stages[i]!, i)) return stream.byKey()
    // What meets has to have as many partitions.
    const partitions = keying.partitions ?? (join === 'none' ? undefined : 2)
    const timed = keying.earlier ? stream.map(earlier) : stream
    const first =
      before > 0 ? timed.keyBy(`${side}first-${i}`, v => v.ms ?? 0, { partitions, watermark }) : timed
    const moved =
      before > 1 ? first.keyBy(`${side}second-${i}`, v => v.id % 5, { partitions, watermark: 100 }) : first
    const keyOf = {
      own: (v: Hit) => v.user,
      user: (v: Hit) => v.user,
      page: (v: Hit) => v.page,
      bucket: (v: Hit) => v.id % 4,
    }[keying.by]
    return moved.keyBy(`${side}by-${i}`, keyOf as (v: Hit) => unknown, { partitions, watermark })
  }

  /** Whether a stage is keyed by the records' own keys, wherever they are. */
  #stays({ keying: { by, before } }: StageRecipe, i: number): boolean {
    const counts = new Set(this.#recipe.sources.map(source => source.partitions))
    return by === 'own' && before === 0 && (i > 0 || counts.size === 1) && !this.#isAsked(i)
  }

  /** Whether an asynchronous step stands in front of a stage, behind the last re-keying before it. */
  #isAsked(i: number): boolean {
    const { sources, stages } = this.#recipe
    const before = i === 0 ? sources.flatMap(({ steps }) => steps) : []
    return [...before, ...stages[i]!.steps].some(({ step }) => step === 'ask')
  }
}

function conditionOf({ records, again }: Exclude<StageRecipe['when'], 'none'>) {
  const holds = (row: any) => (records === 'odd' ? row.total % 2 !== 0 : row.n >= records)
  return when<any>(holds, { again })
}

/** Some of them overlap, and some are told at the end though they are not full. */
function countsOf({ sizeMs, parts, offsetMs }: WindowRecipe): CountWindow {
  const records = sizeMs < 10_000 ? 3 : sizeMs < 45_000 ? 2 : 5
  return countWindow(records, {
    slide: Math.ceil(records / Math.floor(parts)),
    incomplete: offsetMs === 0 ? 'drop' : 'emit',
  })
}

function windowOf({ sizeMs, parts, offsetMs, graceMs, unit }: WindowRecipe): GridWindow | EventWindow {
  if (unit === 'session') {
    const maxLength = parts === 1 ? undefined : sizeMs * (parts - 1)
    return session(sizeMs, { grace: graceMs, maxLength })
  }
  if (unit === 'sliding') return sliding(sizeMs, { grace: graceMs })
  if (unit !== null && unit !== 'count')
    return calendar(unit, { timeZone: 'America/St_Johns', grace: graceMs })
  if (parts === 1) return tumbling(sizeMs, { offset: offsetMs, grace: graceMs })
  return hopping(sizeMs, { advance: sizeMs / parts, offset: offsetMs % (sizeMs / parts), grace: graceMs })
}

/** `n` and `total` are always there: the stage behind makes hits of them. */
function columnsOf(names: readonly ColumnName[]): Columns<Hit> {
  const all: Record<ColumnName, Columns<Hit>[string]> = {
    lo: min('ms'),
    hi: max(v => v.ms),
    mean: avg('ms'),
    pages: countDistinct('page'),
    first: first<Hit, (v: Hit) => number>(v => v.id),
    last: last<Hit, (v: Hit) => number>(v => v.id),
    ids: collect<Hit, (v: Hit) => number>(v => v.id, { max: 3 }),
    p90: quantile('ms', 0.9),
    slow: count(predicates.slow),
    bits: custom<Hit, { xor: number }, number>({
      init: () => ({ xor: 0 }),
      add(state, v) {
        state.xor ^= v.id
        return state
      },
      merge: (a, b) => ({ xor: a.xor ^ b.xor }),
      result: state => state.xor,
      version: 1,
    }),
  }
  const chosen = Object.fromEntries(names.map(name => [name, all[name]]))
  return { n: count<Hit>(), total: sum<Hit>('ms'), ...chosen }
}

/** Behind these columns nothing is decided, so the pipeline ends with them. */
function isLoose(name: ColumnName): boolean {
  return name === 'first' || name === 'last' || name === 'ids' || name === 'p90'
}
