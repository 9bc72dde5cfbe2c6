import { aggregatorText, windowText } from './describe.ts'
import type { AggregateNode, Graph } from './graph.ts'

/** What became of a store between two versions of a pipeline (SEMANTICS 8.1). */
export interface StoreChange {
  /** The name of the step. */
  readonly store: string
  readonly kind:
    | 'store-added'
    | 'store-removed'
    | 'column-added'
    | 'column-removed'
    | 'column-changed'
    | 'window-changed'
    | 'result-changed'
  /** A state that was kept cannot go on: it has to be renamed, reset or migrated. */
  readonly refused: boolean
  /** One sentence for a message. */
  readonly text: string
}

/** What changed in the stores of a pipeline, in the order of the new graph, removed stores last. */
export function diffStores(before: Graph, after: Graph): StoreChange[] {
  const old = storesOf(before)
  const now = storesOf(after)
  const kept = [...now].flatMap(([name, store]) => {
    const previous = old.get(name)
    return previous === undefined
      ? [change(name, 'store-added', false, 'it is new and begins empty')]
      : diffStore(name, previous, store)
  })
  const removed = [...old.keys()]
    .filter(name => !now.has(name))
    .map(name =>
      change(name, 'store-removed', false, 'no step has this name any more; its state is left behind'),
    )
  return [...kept, ...removed]
}

function storesOf(graph: Graph): Map<string, AggregateNode> {
  const stores = graph.nodes.filter((node): node is AggregateNode => node.kind === 'aggregate')
  return new Map(stores.map(node => [node.name, node]))
}

function diffStore(name: string, before: AggregateNode, after: AggregateNode): StoreChange[] {
  const changes: StoreChange[] = []
  const windows = [before, after].map(({ window }) => (window === undefined ? 'none' : windowText(window)))
  if (layoutOfWindow(before) !== layoutOfWindow(after))
    changes.push(change(name, 'window-changed', true, `its window was ${windows[0]} and is ${windows[1]}`))
  if (before.result !== after.result)
    changes.push(change(name, 'result-changed', true, 'it was a reduce or an aggregate and is the other now'))
  return [...changes, ...diffColumns(name, before, after)]
}

/** Grace says when a window closes, not what its state is. */
function layoutOfWindow({ window }: AggregateNode): string {
  return window === undefined ? 'none' : windowText({ ...window, graceMs: 0 })
}

function diffColumns(store: string, before: AggregateNode, after: AggregateNode): StoreChange[] {
  const old = new Map(before.columns.map(column => [column.name, layoutOf(column.aggregator)]))
  const now = new Map(after.columns.map(column => [column.name, layoutOf(column.aggregator)]))
  const kept = [...now].flatMap(([name, layout]) => {
    const previous = old.get(name)
    if (previous === undefined)
      return [
        change(store, 'column-added', false, `column "${name}" is new and begins from its initial value`),
      ]
    if (previous === layout) return []
    return [
      change(
        store,
        'column-changed',
        !migrates(after, name),
        `column "${name}" was ${previous} and is ${layout}`,
      ),
    ]
  })
  const removed = [...old.keys()]
    .filter(name => !now.has(name))
    .map(name => change(store, 'column-removed', false, `column "${name}" is gone and its state is dropped`))
  return [...kept, ...removed]
}

/** What a column's stored state depends on. Callbacks do not count: changing one is the user's business. */
function layoutOf(aggregator: AggregateNode['columns'][number]['aggregator']): string {
  if (aggregator.kind === 'quantile') return `quantile within ${aggregator.relativeAccuracy}`
  return aggregator.kind === 'custom' ? aggregatorText(aggregator) : aggregator.kind
}

function migrates({ columns }: AggregateNode, name: string): boolean {
  const aggregator = columns.find(column => column.name === name)?.aggregator
  return aggregator?.kind === 'custom' && aggregator.migrate !== undefined
}

function change(store: string, kind: StoreChange['kind'], refused: boolean, text: string): StoreChange {
  return { store, kind, refused, text: `store "${store}": ${text}` }
}
