import type { Graph, ProcessNode, StateSpec } from '../../plan/graph.ts'
import { EntryStore, type EntryStoreDefinition } from '../../state/entries/entry-store.ts'
import type { StoreLayout } from '../../state/layout.ts'
import { depthOf } from '../depth.ts'
import type { Reach } from '../reach.ts'
import type { StatefulPlan } from '../stateful-step.ts'
import { ProcessStep } from './process-step.ts'

/** Everything fixed about a process step. */
export interface ProcessPlan {
  readonly node: ProcessNode
  readonly reach: Reach
  readonly depth: number
  /** Values are frozen (SEMANTICS 5.4). */
  readonly freeze: boolean
}

/** A process step as one of the steps with a store. */
export function processPlan(graph: Graph, node: ProcessNode, reach: Reach, freeze: boolean): StatefulPlan {
  const plan: ProcessPlan = { node, reach, freeze, depth: depthOf(graph, node) }
  return {
    node,
    layout: keySerde => layoutOf(node, keySerde),
    open: (task, keySerde, nextSeed) =>
      new ProcessStep(task, plan, new EntryStore(storeDefinition(node, keySerde, nextSeed))),
  }
}

function storeDefinition(node: ProcessNode, keySerde: string, nextSeed: () => number): EntryStoreDefinition {
  return {
    layout: layoutOf(node, keySerde),
    slots: [
      ...node.states.map(({ name, kind }) => ({ name, kind })),
      { name: '', kind: 'event-timer' },
      { name: '', kind: 'wall-timer' },
    ],
    codecs: node.states.map(codecOf),
    nextSeed,
  }
}

function layoutOf({ name, states }: ProcessNode, keySerde: string): StoreLayout {
  return {
    step: name,
    kind: 'entries',
    columns: states.map(state => ({
      name: state.name,
      aggregator: state.kind,
      doubles: 0,
      objects: 1,
      version: state.version,
    })),
    keySerde,
    version: 1,
  }
}

function codecOf(spec: StateSpec): EntryStoreDefinition['codecs'][number] {
  const { encode = same, decode = same } = spec
  return { encode, decode: (stored, version) => migrated(spec, decode(stored), version) }
}

function same(value: unknown): unknown {
  return value
}

/** Turns a state of an older version into one of the running version (SEMANTICS 8.1). */
function migrated({ name, version, migrate }: StateSpec, value: unknown, from: number): unknown {
  if (from === version) return value
  if (migrate !== undefined) return migrate(value, from)
  throw new Error(
    `State "${name}" has version ${version} and was stored with version ${from}: give it migrate(old, from), or reset the step`,
  )
}
