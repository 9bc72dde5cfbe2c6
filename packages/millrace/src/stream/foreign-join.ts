import { checkCallback, checkFieldOrFn } from '../plan/callbacks.ts'
import type { Edge } from '../plan/graph.ts'
import type { GraphBuilder } from '../plan/graph-builder.ts'
import type { AnyStream, Fn } from './graph-edge.ts'
import type { GraphTable } from './graph-table.ts'
import { fieldFn } from './operators/field.ts'
import {
  answerKey,
  leftStep,
  resultStep,
  rightChange,
  rightStep,
  subscriptionKey,
  withRight,
} from './operators/foreign-join.ts'
import type { ForeignJoinOptions } from './table.ts'

/** The rows of a join by a foreign key as they change, keyed as those of `left`. */
export function foreignResults(
  left: GraphTable,
  name: string,
  right: GraphTable,
  options: ForeignJoinOptions<string | Fn> | undefined,
  fn: Fn,
  isLeft: boolean,
): AnyStream {
  const place = left.place(name)
  if (options?.key === undefined)
    left.builder.fail(
      name,
      'it does not say what refers to the other table',
      "name the field: { key: 'product' }",
    )
  checkFieldOrFn(options.key, 'the key', place)
  checkCallback(fn, 'the callback', place)
  const table = meet(left, right) ? copyOf(right, name) : right
  const { options: leftOptions, fn: refer } = leftStep(fieldFn(options.key))
  const sent = left.changeStream().process(`${name}-left`, leftOptions, refer as Fn) as any
  const references = (sent.sides.references as AnyStream)
    .keyBy(`${name}-references`, subscriptionKey as Fn)
    .leftJoin(table as any, withRight as Fn)
    .byKey()
  const changes = table.changeStream().map(rightChange).byKey()
  const { options: rightOptions, fn: answer } = rightStep()
  const answers = references.merge(changes).process(`${name}-right`, rightOptions, answer as Fn)
  const { options: resultOptions, fn: toResult } = resultStep(fn, isLeft)
  return (sent as AnyStream)
    .merge(answers)
    .keyBy(`${name}-answers`, answerKey as Fn)
    .process(`${name}-result`, resultOptions, toResult as Fn) as unknown as AnyStream
}

/**
 * The rows of a table under the same keys in tasks of their own: tasks that wait for what they have sent themselves would never know that
 * time goes on.
 */
function copyOf(table: GraphTable, name: string): GraphTable {
  const moved = table
    .changeStream()
    .keyBy(`${name}-copies`, ((_: unknown, { key }: { key: unknown }) => key) as Fn)
  return moved.toTable(`${name}-copy`) as unknown as GraphTable
}

/** Whether two tables are kept by the same tasks. */
function meet({ builder, edge }: GraphTable, right: GraphTable): boolean {
  const inputs = inputsBehind(builder, edge)
  return [...inputsBehind(builder, right.edge)].some(id => inputs.has(id))
}

/** Sources and re-keyings that bring what is on an edge. */
function inputsBehind(builder: GraphBuilder, edge: Edge, found: Set<number> = new Set()): Set<number> {
  const node = builder.nodes[edge.from]!
  if (node.kind === 'source' || (node.kind === 'keyBy' && edge.port === 'out')) found.add(node.id)
  else for (const input of node.inputs) inputsBehind(builder, input, found)
  return found
}
