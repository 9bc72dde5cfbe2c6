import type { TableJoinNode, TableNode } from '../../plan/graph.ts'
import type { ObjectCodec, StoreDefinition } from '../../state/row-codec.ts'
import { storedValue } from '../../state/stored-value.ts'
import { TableStore } from '../../state/table-store.ts'
import type { StatefulPlan } from '../stateful-step.ts'
import { TableStep } from './table-step.ts'
import { type Version, VersionedStep } from './versioned-step.ts'

/** A table as one of the steps with a store. */
export function tablePlan(node: TableNode | TableJoinNode): StatefulPlan {
  const versionsMs = node.kind === 'table' ? node.versionsMs : undefined
  return {
    node,
    layout: keySerde => tableDefinition(node.name, versionsMs !== undefined, keySerde, () => 0).layout,
    open(task, keySerde, nextSeed) {
      const store = new TableStore(tableDefinition(node.name, versionsMs !== undefined, keySerde, nextSeed))
      return versionsMs === undefined
        ? new TableStep(node.name, store)
        : new VersionedStep(node.name, store, task, versionsMs)
    },
  }
}

/** A row is the place of its value, or of its versions, and the value's time, where `TableStep` looks for them. */
export function tableDefinition(
  step: string,
  isVersioned: boolean,
  keySerde: string,
  nextSeed: () => number,
): StoreDefinition {
  return {
    layout: {
      step,
      kind: 'table',
      columns: [
        {
          name: 'value',
          aggregator: isVersioned ? 'versions' : 'latest',
          doubles: 0,
          objects: 1,
          version: 1,
        },
        { name: '#time', aggregator: '#time', doubles: 1, objects: 0, version: 1 },
      ],
      keySerde,
      version: 1,
    },
    initial: [Number.NEGATIVE_INFINITY],
    objects: [isVersioned ? storedVersions : storedValue],
    nextSeed,
  }
}

const storedVersions: ObjectCodec<Version[]> = {
  initial: () => [],
  encode: versions => versions.map(([t, row]) => [t, storedValue.encode(row)]),
  decode: (stored, version) =>
    (stored as Version[]).map(([t, row]): Version => [t, storedValue.decode(row, version)]),
}
