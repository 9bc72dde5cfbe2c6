import type { TableJoinNode, TableNode } from '../../plan/graph.ts'
import type { StoreDefinition } from '../../state/row-codec.ts'
import { storedValue } from '../../state/stored-value.ts'
import { TableStore } from '../../state/table-store.ts'
import type { StatefulPlan } from '../stateful-step.ts'
import { TableStep } from './table-step.ts'

/** A table as one of the steps with a store. */
export function tablePlan(node: TableNode | TableJoinNode): StatefulPlan {
  return {
    node,
    layout: keySerde => definition(node, keySerde, () => 0).layout,
    open: (_, keySerde, nextSeed) =>
      new TableStep(node.name, new TableStore(definition(node, keySerde, nextSeed))),
  }
}

/** A row is the place of its value and the value's time, where `TableStep` looks for them. */
function definition(
  { name }: TableNode | TableJoinNode,
  keySerde: string,
  nextSeed: () => number,
): StoreDefinition {
  return {
    layout: {
      step: name,
      kind: 'table',
      columns: [
        { name: 'value', aggregator: 'latest', doubles: 0, objects: 1, version: 1 },
        { name: '#time', aggregator: '#time', doubles: 1, objects: 0, version: 1 },
      ],
      keySerde,
      version: 1,
    },
    initial: [Number.NEGATIVE_INFINITY],
    objects: [storedValue],
    nextSeed,
  }
}
