import type { AggregateNode, Aggregator } from '../../plan/graph.ts'
import { isOfEvents } from '../../window/window.ts'
import type { Column } from './column.ts'
import { avgColumn, countColumn, maxColumn, minColumn, sumColumn } from './numeric.ts'
import {
  collectColumn,
  countDistinctColumn,
  customColumn,
  firstColumn,
  lastColumn,
  quantileColumn,
} from './objects.ts'
import { collectByTimeColumn, earliestColumn, latestColumn } from './timed.ts'

/** The columns of an aggregate step, in the order written. */
export function columnsOf(node: AggregateNode): Column[] {
  return node.columns.map(({ name, aggregator }) => ({
    name,
    version: versionOf(aggregator),
    ...columnOf(aggregator, node.window !== undefined && isOfEvents(node.window)),
  }))
}

/** Windows of events are made of parts that came in any order, so theirs go by event time. */
function columnOf(aggregator: Aggregator, byTime: boolean): Omit<Column, 'name' | 'version'> {
  switch (aggregator.kind) {
    case 'count':
      return { aggregator: 'count', argument: { kind: 'where', fn: aggregator.where }, ...countColumn }
    case 'sum':
      return { aggregator: 'sum', argument: { kind: 'number', field: aggregator.field }, ...sumColumn }
    case 'avg':
      return { aggregator: 'avg', argument: { kind: 'number', field: aggregator.field }, ...avgColumn }
    case 'min':
      return { aggregator: 'min', argument: { kind: 'number', field: aggregator.field }, ...minColumn }
    case 'max':
      return { aggregator: 'max', argument: { kind: 'number', field: aggregator.field }, ...maxColumn }
    case 'first':
      return {
        aggregator: byTime ? 'earliest' : 'first',
        argument: { kind: 'any', field: aggregator.field },
        ...(byTime ? earliestColumn() : firstColumn()),
      }
    case 'last':
      return {
        aggregator: byTime ? 'latest' : 'last',
        argument: { kind: 'any', field: aggregator.field },
        ...(byTime ? latestColumn() : lastColumn()),
      }
    case 'collect':
      return {
        aggregator: byTime ? 'collectByTime' : 'collect',
        argument: { kind: 'any', field: aggregator.field },
        ...(byTime ? collectByTimeColumn : collectColumn)(aggregator.max),
      }
    case 'countDistinct':
      return {
        aggregator: 'countDistinct',
        argument: { kind: 'any', field: aggregator.field },
        ...countDistinctColumn(),
      }
    case 'quantile':
      return {
        aggregator: `quantile(${aggregator.relativeAccuracy})`,
        argument: { kind: 'number', field: aggregator.field },
        ...quantileColumn(aggregator.q, aggregator.relativeAccuracy),
      }
    case 'custom':
      return { aggregator: 'custom', argument: { kind: 'value' }, ...customColumn(aggregator) }
  }
}

function versionOf(aggregator: Aggregator): number {
  return aggregator.kind === 'custom' ? aggregator.version : 1
}
