import { checkCallback, checkFieldOrFn } from './callbacks.ts'
import {
  type Aggregator,
  type Edge,
  hasGrid,
  hasRowPerWindow,
  isOfEvents,
  type PlanNode,
  type Port,
  type WindowSpec,
} from './graph.ts'
import type { GraphBuilder } from './graph-builder.ts'
import { isName } from './names.ts'
import type { PlanPlace } from './plan-error.ts'

// Checks of single steps, made when the step is added, so that an error's stack shows the user's line.

const WINDOW_COLUMNS = ['key', 'start', 'end']
const CUSTOM_CALLBACKS = ['init', 'add', 'merge', 'remove', 'result', 'encode', 'decode', 'migrate'] as const

/** Throws unless the columns can be computed and, with a window, leave room for key, start and end. */
export function checkColumns(
  builder: GraphBuilder,
  step: string,
  columns: readonly { readonly name: string; readonly aggregator: Aggregator }[],
  window: WindowSpec | undefined,
): void {
  const place = { pipeline: builder.pipeline, step }
  if (columns.length === 0)
    builder.fail(step, 'it has no columns', 'give at least one, for example { count: count() }')
  for (const { name, aggregator } of columns) {
    if (window !== undefined && WINDOW_COLUMNS.includes(name))
      builder.fail(step, `a window's rows already have a column "${name}"`, 'call this one something else')
    if (name === '__proto__') builder.fail(step, '"__proto__" cannot be a column', 'call it something else')
    if (aggregator === undefined)
      builder.fail(
        step,
        `the column "${name}" is not an aggregate`,
        'use count(), sum(…), custom(…) or another one',
      )
    checkAggregator(aggregator, name, place)
    if (isMadeOfParts(window) && aggregator.kind === 'custom' && aggregator.merge === undefined)
      builder.fail(
        step,
        `the column "${name}" has no merge, and ${window!.kind} windows are made of parts`,
        'give custom({ … }) a merge(a, b) that makes one state of two',
      )
  }
}

function isMadeOfParts(window: WindowSpec | undefined): boolean {
  return window !== undefined && isOfEvents(window)
}

/** Throws for `reduce` over windows that are made of parts: its callback cannot tell what two results are together. */
export function checkReduce(builder: GraphBuilder, step: string, window: WindowSpec | undefined): void {
  if (isMadeOfParts(window))
    builder.fail(
      step,
      'reduce cannot make one result of the parts of a window',
      "use aggregate('…', { value: custom({ init, add, merge, version: 1 }) })",
    )
}

function checkAggregator(aggregator: Aggregator, column: string, place: PlanPlace): void {
  const what = `the callback of column "${column}"`
  if (aggregator.kind === 'count') {
    if (aggregator.where !== undefined) checkCallback(aggregator.where, what, place)
  } else if (aggregator.kind === 'custom') {
    for (const name of CUSTOM_CALLBACKS) {
      const required = name === 'init' || name === 'add'
      if (required || aggregator[name] !== undefined)
        checkCallback(aggregator[name], `${name} of column "${column}"`, place)
    }
  } else {
    checkFieldOrFn(aggregator.field, what, place)
  }
}

/** Throws unless records can be re-keyed this way. Without a key the name is the field's. */
export function checkKeyBy(
  builder: GraphBuilder,
  name: unknown,
  key: unknown,
  partitions: number | undefined,
): void {
  const step = typeof name === 'string' ? name : 'keyBy'
  if (typeof name === 'function') builder.fail(step, 'it has no name', "name it: keyBy('by-page', v => …)")
  if (key !== undefined) checkFieldOrFn(key, 'the key', { pipeline: builder.pipeline, step })
  else if (!isName(name))
    builder.fail(step, 'the field cannot be the name of a step', `name it: keyBy('by-…', '${step}')`)
  if (partitions !== undefined && !(Number.isSafeInteger(partitions) && partitions > 0))
    builder.fail(step, `partitions is ${partitions}`, 'give a whole number from 1')
}

/** Throws unless the windows behind `table` can go on taking records, all emissions of `final` alike. */
function checkLateness(
  builder: GraphBuilder,
  table: Edge,
  { kind, order, allowedLatenessMs = 0 }: Parameters<typeof checkEmission>[2],
): void {
  const node = builder.nodes[table.from]!
  const step = builder.stepName(table)
  const windowed = node.kind === 'aggregate' && node.window !== undefined
  if (allowedLatenessMs > 0 && kind !== 'final')
    builder.fail(step, `emit('${kind}') has no allowedLateness`, "it goes with emit('final')")
  if (allowedLatenessMs > 0 && windowed && !hasGrid(node.window!))
    builder.fail(
      step,
      `windows of kind "${node.window!.kind}" have no allowedLateness`,
      "give them more grace, and emit('updates') to see their rows before",
    )
  if (allowedLatenessMs > 0 && order === 'key')
    builder.fail(step, "rows that come again are in no order: 'key'", 'leave one of the two out')
  if (kind !== 'final') return
  for (const other of builder.nodes) {
    if (other.kind !== 'emit' || other.inputs[0]!.from !== table.from || other.emission.kind !== 'final')
      continue
    if ((other.emission.allowedLatenessMs ?? 0) !== allowedLatenessMs)
      builder.fail(
        step,
        'it emits "final" with two values of allowedLateness, but has one set of windows',
        'give both the same',
      )
  }
}

/** Throws where rows would begin again that something else reads on. */
function checkReset(builder: GraphBuilder, table: Edge, reset: boolean): void {
  const others = builder.nodes.filter(node => node.kind === 'emit' && node.inputs[0]!.from === table.from)
  const isReset = others.some(
    node => node.kind === 'emit' && node.emission.kind === 'count' && node.emission.reset,
  )
  if (isReset || (reset && others.length > 0))
    builder.fail(
      builder.stepName(table),
      'its rows begin again with afterCount(…, { reset: true }), so nothing else can read their changes',
      'make another aggregate for the other emission, or leave reset out',
    )
}

/** Throws unless the aggregate behind `table` can emit this way. */
export function checkEmission(
  builder: GraphBuilder,
  table: Edge,
  emission: {
    readonly kind: string
    readonly order?: unknown
    readonly allowedLatenessMs?: number
    readonly reset?: boolean
    readonly predicate?: unknown
  },
): void {
  const node = builder.nodes[table.from]!
  checkLateness(builder, table, emission)
  checkReset(builder, table, emission.reset ?? false)
  const windowed = node.kind === 'aggregate' && node.window !== undefined
  const step = builder.stepName(table)
  if (emission.kind !== 'updates' && node.kind !== 'aggregate')
    builder.fail(step, `a table cannot emit "${emission.kind}"`, "use 'updates'")
  if (windowed && !hasGrid(node.window!) && emission.order === 'key')
    builder.fail(
      step,
      "these windows close one by one, so there is no order: 'key' among them",
      'leave it out',
    )
  if (windowed && node.window!.kind === 'count' && emission.kind !== 'final')
    builder.fail(step, `a window of so many records cannot emit "${emission.kind}"`, "use 'final'")
  if (windowed && isOfEvents(node.window!) && !hasRowPerWindow(node.window!) && emission.kind === 'every')
    builder.fail(
      step,
      `${node.window!.kind === 'sliding' ? 'sliding windows' : 'sessions with maxLength'} have no rows of their own to emit every so often`,
      "use 'final' or 'updates'",
    )
  if (emission.kind === 'final' && !windowed)
    builder.fail(
      step,
      "emit('final') needs a window: without one no result is ever final",
      "use emit('updates')",
    )
  if (emission.kind === 'when')
    checkCallback(emission.predicate, 'the callback of when', { pipeline: builder.pipeline, step })
  if (windowed && !hasGrid(node.window!) && emission.kind === 'when')
    builder.fail(
      step,
      `windows of kind "${node.window!.kind}" cannot emit when(…), since their rows are put together and taken apart`,
      "use 'updates' and a filter, or a process step",
    )
  if (windowed && emission.kind === 'count')
    builder.fail(
      step,
      'rows of windows cannot go out with every so many records',
      "leave the window out, or use 'updates' or countWindow()",
    )
  if (!['final', 'updates', 'every', 'count', 'when'].includes(emission.kind))
    builder.fail(
      step,
      `it cannot emit "${emission.kind}"`,
      "use 'final', 'updates', every('1s'), afterCount(100) or when(row => …)",
    )
}

/** Throws unless `topic` is one that this pipeline may write. */
export function checkSink(builder: GraphBuilder, topic: unknown): void {
  if (!isTopic(topic))
    builder.fail('to', 'its argument is not a topic', "make one with topic('name', { value: json<…>() })")
  const readHere = builder.nodes.some(node => node.kind === 'source' && node.topic.name === topic.name)
  if (readHere) failLoop(builder, topic.name)
}

/** Throws unless `topic` is one that this pipeline may read. */
export function checkSource(builder: GraphBuilder, topic: unknown): void {
  if (!isTopic(topic))
    builder.fail('from', 'its argument is not a topic', "make one with topic('name', { value: json<…>() })")
  const writtenHere = builder.nodes.some(node => node.kind === 'to' && node.topic.name === topic.name)
  if (writtenHere) failLoop(builder, topic.name)
}

function isTopic(topic: unknown): topic is { readonly name: string } {
  return typeof topic === 'object' && topic !== null && 'kind' in topic && topic.kind === 'topic'
}

function failLoop(builder: GraphBuilder, topic: string): never {
  return builder.fail(
    topic,
    'the pipeline reads and writes this topic, so it would feed itself for ever',
    'write another topic, or read it in another pipeline',
  )
}

/** Throws unless the node has this side stream. */
export function checkPort(builder: GraphBuilder, { from }: Edge, port: Port): void {
  const node = builder.nodes[from]!
  const step = builder.stepName({ from, port })
  if ((port === 'rejected' || port === 'tombstones') && node.kind !== 'source')
    builder.fail(step, `it has no .${port}`, `take .${port} of what p.from(…) gives`)
  const closes =
    node.kind === 'streamJoin' ||
    (node.kind === 'aggregate' && node.window !== undefined && node.window.kind !== 'count')
  if (port === 'late' && !closes)
    builder.fail(
      step,
      'it has no .late: only windows and joins of streams close',
      'take .late of one of those',
    )
  if (port === 'failed' && !canFail(node))
    builder.fail(step, 'nothing can fail here', 'take .failed of the step that has the callback')
}

function canFail(node: PlanNode): boolean {
  return node.kind !== 'source' && node.kind !== 'byKey' && node.kind !== 'merge' && node.kind !== 'emit'
}
