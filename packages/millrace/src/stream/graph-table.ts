import { checkCallback } from '../plan/callbacks.ts'
import type { Edge, Emission, JoinSide, LookupNode, RowSelection } from '../plan/graph.ts'
import type { GraphBuilder } from '../plan/graph-builder.ts'
import { checkColumns, checkEmission, checkKeyBy, checkPort } from '../plan/steps.ts'
import { toMs } from '../std/duration.ts'
import type { Columns } from './aggregates.ts'
import { foreignResults } from './foreign-join.ts'
import { GraphGlobalTable } from './global-table.ts'
import { type AnyStream, type Fn, GraphEdge, portOf, type StreamOf } from './graph-edge.ts'
import { type Membership, retracting } from './retracting-columns.ts'
import { retryPolicy } from './retry-policy.ts'
import type { EmitOptions } from './stream.ts'
import type { ForeignJoinOptions, JoinOptions, TableRowOptions } from './table.ts'
import { expiring } from './table-ttl.ts'

/** A table; `edge` is where the changes of its rows leave. */
export class GraphTable extends GraphEdge {
  protected readonly streamOf: StreamOf
  constructor(builder: GraphBuilder, edge: Edge, streamOf: StreamOf) {
    super(builder, edge)
    this.streamOf = streamOf
  }

  get failed(): AnyStream {
    checkPort(this.builder, this.edge, 'failed')
    return this.streamOf(this.builder, portOf(this.edge, 'failed'))
  }

  emit(when: any): AnyStream {
    checkEmission(this.builder, this.edge, typeof when === 'object' ? when : { kind: when })
    return this.streamOf(this.builder, this.changes())
  }

  filter(name: string, fn: Fn): GraphTable {
    return this.#selected(name, { kind: 'filter', fn })
  }

  map(name: string, fn: Fn): GraphTable {
    return this.#selected(name, { kind: 'map', fn })
  }

  join(name: string, other: unknown, fn: Fn): GraphTable {
    return this.#joined(name, other, fn, [true, true])
  }

  leftJoin(name: string, other: unknown, fn: Fn): GraphTable {
    return this.#joined(name, other, fn, [true, false])
  }

  outerJoin(name: string, other: unknown, fn: Fn): GraphTable {
    return this.#joined(name, other, fn, [false, false])
  }

  joinForeign(name: string, right: unknown, options: ForeignJoinOptions<string | Fn>, fn: Fn): GraphTable {
    return this.#joinedForeign(name, right, options, fn, false)
  }

  leftJoinForeign(
    name: string,
    right: unknown,
    options: ForeignJoinOptions<string | Fn>,
    fn: Fn,
  ): GraphTable {
    return this.#joinedForeign(name, right, options, fn, true)
  }

  groupBy(name: string, key: string | Fn): GraphGroups {
    checkKeyBy(this.builder, name, key, undefined)
    const table = this.materialised(name)
    const memberships = this.builder.add({
      kind: 'flatMap',
      fn: membershipsOf,
      inputs: [portOf(table, 'changes')],
    })
    const keyOf =
      typeof key === 'string'
        ? ({ row }: Membership) => row[key]
        : ({ row }: Membership, record: unknown) => key(row, record)
    const edge = this.builder.add({
      kind: 'keyBy',
      name,
      key: keyOf,
      watermarkMs: 100,
      inputs: [memberships],
    })
    return new GraphGroups(this.builder, edge, this.streamOf)
  }

  /** Makes the stream on an edge. */
  streamOn(edge: Edge): AnyStream {
    return this.streamOf(this.builder, edge)
  }

  /** The changes of its rows, as a stream. */
  changeStream(): AnyStream {
    return this.streamOn(this.changes())
  }

  /** Where the changes of its rows leave. */
  changes(): Edge {
    return this.edge
  }

  /** A node that keeps its rows as they are. */
  protected materialised(_for: string): Edge {
    return this.edge
  }

  #joinedForeign(
    name: string,
    right: unknown,
    options: ForeignJoinOptions<string | Fn>,
    fn: Fn,
    isLeft: boolean,
  ): GraphTable {
    checkStoreName(this.builder, 'joinForeign', name)
    const table = tableGiven(this.builder, name, right)
    const results = foreignResults(this, name, table, options, fn, isLeft)
    return tableOn(this.builder, results.edge, name, this.streamOf)
  }

  #selected(name: string, selection: RowSelection): GraphTable {
    checkStoreName(this.builder, selection.kind, name)
    checkCallback(selection.fn, 'the callback', this.place(name))
    return tableOn(this.builder, this.changes(), name, this.streamOf, {}, selection)
  }

  #joined(name: string, other: unknown, fn: Fn, required: readonly boolean[]): GraphTable {
    const sides = required.map(isRequired => ({ isRequired }))
    return joinTables(this.builder, name, [this, other], sides, fn, this.streamOf)
  }
}

/** The rows of a table in groups; they come and go. */
class GraphGroups extends GraphEdge {
  readonly #streamOf: StreamOf
  constructor(builder: GraphBuilder, edge: Edge, streamOf: StreamOf) {
    super(builder, edge)
    this.#streamOf = streamOf
  }

  get failed(): AnyStream {
    return this.#streamOf(this.builder, portOf(this.edge, 'failed'))
  }

  aggregate(name: string, columns: Columns<any>): GraphAggregate {
    const given = Object.entries(columns).map(([column, entry]) => ({
      name: column,
      aggregator: entry?.aggregator,
    }))
    checkColumns(this.builder, name, given, undefined)
    const retractable = given.map(({ name: column, aggregator }) => {
      const retractable = retracting(aggregator)
      if (retractable === undefined)
        this.builder.fail(
          name,
          `the column "${column}" cannot take back a row that has changed or gone`,
          'use count, sum, avg, or custom({ … }) with remove',
        )
      return { name: column, aggregator: retractable }
    })
    const edge = this.builder.add({
      kind: 'aggregate',
      name,
      columns: retractable,
      result: 'row',
      inputs: [this.edge],
    })
    const results = (builder: GraphBuilder, updates: Edge) => this.#streamOf(builder, updates)
    return new GraphGroupRows(this.builder, edge, this.#streamOf, results)
  }
}

/** What a change of a row means to the groups: the old row leaves its group, the new one comes to its own. */
function membershipsOf({ before, after }: { before: unknown; after: unknown }): Membership[] {
  const left = before === null ? [] : [{ row: before, isThere: false }]
  return after === null ? left : [...left, { row: after, isThere: true }]
}

/** The table of an aggregate: its changes leave through an `emit`, made when somebody wants them. */
export class GraphAggregate extends GraphTable {
  readonly #results: (builder: GraphBuilder, edge: Edge, table: Edge) => AnyStream
  constructor(
    builder: GraphBuilder,
    edge: Edge,
    streamOf: StreamOf,
    results: (builder: GraphBuilder, edge: Edge, table: Edge) => AnyStream,
  ) {
    super(builder, edge, streamOf)
    this.#results = results
  }

  get late(): AnyStream {
    checkPort(this.builder, this.edge, 'late')
    return this.#results(this.builder, portOf(this.edge, 'late'), this.edge)
  }

  override emit(when: 'final' | 'updates' | Emission, options: EmitOptions = {}): AnyStream {
    const emission = typeof when === 'string' ? { kind: when, ...emissionOptions(options) } : when
    checkEmission(this.builder, this.edge, emission)
    const edge = this.builder.add({ kind: 'emit', emission: emission as Emission, inputs: [this.edge] })
    return this.#results(this.builder, edge, this.edge)
  }

  protected override materialised(name: string): Edge {
    return tableOn(this.builder, this.changes(), `${name}-rows`, this.streamOf).edge
  }

  override changes(): Edge {
    const aggregate = this.builder.nodes[this.edge.from]!
    if (aggregate.kind === 'aggregate' && aggregate.window !== undefined)
      failWindowed(this.builder, aggregate.name)
    const known = this.builder.nodes.find(
      node =>
        node.kind === 'emit' && node.emission.kind === 'updates' && node.inputs[0]!.from === this.edge.from,
    )
    if (known !== undefined) return { from: known.id, port: 'out' }
    checkEmission(this.builder, this.edge, { kind: 'updates' })
    return this.builder.add({ kind: 'emit', emission: { kind: 'updates' }, inputs: [this.edge] })
  }
}

/** The rows of groups: what left a group after its row began again would be taken back from nothing. */
class GraphGroupRows extends GraphAggregate {
  override emit(when: 'final' | 'updates' | Emission, options: EmitOptions = {}): AnyStream {
    if (typeof when === 'object' && when.kind === 'count' && when.reset)
      this.builder.fail(
        this.builder.stepName(this.edge),
        'rows that leave a group could not be taken back once it began again',
        'leave reset out',
      )
    return super.emit(when, options)
  }
}

/** A table of the records on an edge. */
export function tableOn(
  builder: GraphBuilder,
  from: Edge,
  name: string,
  streamOf: StreamOf,
  { versions, ttl }: TableRowOptions = {},
  selection?: RowSelection,
): GraphTable {
  checkStoreName(builder, 'toTable', name)
  const versionsMs = versions === undefined ? undefined : toMs(versions, `${name}, versions`)
  if (versions !== undefined && ttl !== undefined)
    builder.fail(name, 'it has both versions and a ttl', 'leave one of the two out')
  const input = ttl === undefined ? from : expiring(builder, from, name, ttl)
  const edge = builder.add({ kind: 'table', name, selection, versionsMs, inputs: [input] })
  return new GraphTable(builder, edge, streamOf)
}

/** A table of the rows that several tables have under one key. */
export function joinTables(
  builder: GraphBuilder,
  name: string,
  tables: readonly unknown[],
  sides: readonly JoinSide[],
  fn: Fn,
  streamOf: StreamOf,
): GraphTable {
  checkStoreName(builder, 'join', name)
  checkCallback(fn, 'the callback', { pipeline: builder.pipeline, step: name })
  const inputs = tables.map(table => tableGiven(builder, name, table).changes())
  return new GraphTable(builder, builder.add({ kind: 'tableJoin', name, sides, fn, inputs }), streamOf)
}

/** A step that meets each record on an edge with the row of its key. */
export function lookup(
  from: GraphEdge,
  how: LookupNode['how'],
  table: unknown,
  fn: Fn,
  { name, retry, wait = 'none' }: JoinOptions = {},
): Edge {
  const { builder } = from
  const step = name ?? 'join'
  checkCallback(fn, 'the callback', from.place(step))
  const rows = tableGiven(builder, step, table)
  if (wait !== 'none' && wait !== 'event-time')
    builder.fail(step, `wait is ${String(wait)}`, "give 'none' or 'event-time'")
  if (wait === 'event-time' && name === undefined)
    builder.fail(
      step,
      'it holds records and has no name for its store',
      "name it: { name: '…', wait: 'event-time' }",
    )
  const waits = wait === 'event-time'
  const edge = waits ? builder.add({ kind: 'hold', name: name!, inputs: [from.edge] }) : from.edge
  return builder.add({
    kind: 'lookup',
    name: waits ? `${name}-join` : name,
    how,
    fn,
    retry: retryPolicy(builder, step, retry),
    inputs: [edge, portOf(rows.edge, 'rows')],
  })
}

/** Throws unless it is a table of this pipeline, and one without windows. */
function tableGiven(builder: GraphBuilder, step: string, table: unknown): GraphTable {
  new GraphEdge(builder, { from: 0, port: 'out' }).edgeOf(step, table, 'table')
  if (table instanceof GraphGlobalTable)
    builder.fail(step, 'it was given a global table', "join it with joinGlobal(table, { key: 'field' }, …)")
  if (!(table instanceof GraphTable))
    builder.fail(
      step,
      'it was given a stream where a table is meant',
      "make one with toTable('name') of a keyed stream",
    )
  const node = builder.nodes[table.edge.from]!
  if (node.kind === 'aggregate' && node.window !== undefined) failWindowed(builder, step)
  return table
}

function failWindowed(builder: GraphBuilder, step: string): never {
  builder.fail(
    step,
    'the rows of windows are no table: a key has several',
    "make one of them: emit('final').byKey().toTable('name')",
  )
}

function checkStoreName(builder: GraphBuilder, kind: string, name: unknown): void {
  if (typeof name !== 'string')
    builder.fail(kind, 'it keeps rows and has no name for its store', `name it first: ${kind}('name', …)`)
}

function emissionOptions({ allowedLateness = 0, ...others }: EmitOptions) {
  const allowedLatenessMs = toMs(allowedLateness, 'emit({ allowedLateness })')
  return allowedLatenessMs === 0 ? others : { ...others, allowedLatenessMs }
}
