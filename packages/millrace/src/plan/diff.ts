import type { ColumnShape, PipelineShape, StoreShape } from './shape.ts'

/** One difference between the pipeline that made the state and the one that wants it. */
export interface PipelineChange {
  readonly kind: 'new' | 'removed' | 'renamed' | 'changed'
  readonly what: 'source' | 'sink' | 're-keying' | 'store' | 'column'
  readonly name: string
  /** What it was and what it is, where that says more than the name. */
  readonly detail: string
  /** What follows from it. */
  readonly effect: string
  /** Going on would mix or lose state: what to do instead. */
  readonly refused?: string
}

/** What differs between the shape that state was made with and the one that is to go on with it (SEMANTICS 8.1). */
export function diffShapes(before: PipelineShape, now: PipelineShape): PipelineChange[] {
  return [
    ...topicChanges('source', before.sources, now.sources),
    ...rekeyingChanges(before, now),
    ...storeChanges(before, now),
    ...topicChanges('sink', before.sinks, now.sinks),
  ]
}

const TOPIC_EFFECTS = {
  source: {
    new: 'it is read from its start',
    removed: 'it is not read any more; its position stays with the group',
  },
  sink: {
    new: 'it gets what is written from now on',
    removed: 'nothing more is written to it; what it holds stays',
  },
} as const

interface Named {
  readonly name: string
}

function topicChanges(
  what: 'source' | 'sink',
  before: readonly Named[],
  now: readonly Named[],
): PipelineChange[] {
  const change = (kind: 'new' | 'removed') => (topic: Named) => ({
    kind,
    what,
    name: topic.name,
    detail: '',
    effect: TOPIC_EFFECTS[what][kind],
  })
  return [...missingFrom(before, now).map(change('new')), ...missingFrom(now, before).map(change('removed'))]
}

function rekeyingChanges(before: PipelineShape, now: PipelineShape): PipelineChange[] {
  const changes: PipelineChange[] = []
  const what = 're-keying'
  for (const [was, is] of inBoth(before.rekeyings, now.rekeyings)) {
    if (was.partitions !== is.partitions)
      changes.push({
        kind: 'changed',
        what,
        name: is.name,
        detail: `${was.partitions} partitions, now ${is.partitions}`,
        effect: 'keys would be looked for in other partitions than where their state is',
        refused: `keep ${was.partitions} partitions, or forget the pipeline's state: millrace reset ${now.pipeline}`,
      })
    if (is.wanted !== undefined && is.wanted !== is.partitions)
      changes.push({
        kind: 'changed',
        what,
        name: is.name,
        detail: `${is.wanted} partitions are wanted`,
        effect: `it keeps the ${is.partitions} it began with until the pipeline is reset: millrace reset ${now.pipeline}`,
      })
    if (was.key === is.key) continue
    const detail = `by ${was.key}, now by ${is.key}`
    if (!keysStore(before, is.name))
      changes.push({
        kind: 'changed',
        what,
        name: is.name,
        detail,
        effect: 'records under way keep their old keys',
      })
    else
      changes.push({
        kind: 'changed',
        what,
        name: is.name,
        detail,
        effect: 'rows under the old keys would lie beside those under the new ones',
        refused: `give the keyBy another name, so that the steps behind it begin anew, or millrace reset ${now.pipeline}`,
      })
  }
  for (const { name } of missingFrom(before.rekeyings, now.rekeyings))
    changes.push({ kind: 'new', what, name, detail: '', effect: 'its topic is created' })
  for (const { name } of missingFrom(now.rekeyings, before.rekeyings))
    changes.push({
      kind: 'removed',
      what,
      name,
      detail: '',
      effect: 'what its topic still holds is not processed any more; the topic stays',
    })
  return changes
}

function keysStore({ stores }: PipelineShape, keyBy: string): boolean {
  return stores.some(({ keyedBy }) => keyedBy.split('+').includes(`${keyBy}.repartition`))
}

function storeChanges(before: PipelineShape, now: PipelineShape): PipelineChange[] {
  const { pipeline } = now
  const changes: PipelineChange[] = []
  const gone = [...missingFrom(now.stores, before.stores)]
  for (const store of missingFrom(before.stores, now.stores)) {
    const at = gone.findIndex(other => isSameState(other, store))
    const old = at < 0 ? undefined : gone.splice(at, 1)[0]
    changes.push(
      old === undefined
        ? {
            kind: 'new',
            what: 'store',
            name: store.name,
            detail: '',
            effect: 'it begins empty, with the records from the committed positions on',
          }
        : {
            kind: 'renamed',
            what: 'store',
            name: store.name,
            detail: `it looks like "${old.name}", which is gone`,
            effect: `"${store.name}" would begin empty beside the state of "${old.name}"`,
            refused:
              `take the state along: millrace rename ${pipeline} ${old.name} ${store.name}; ` +
              `or drop it: millrace reset ${pipeline} --step ${old.name}`,
          },
    )
  }
  for (const { name } of gone)
    changes.push({
      kind: 'removed',
      what: 'store',
      name,
      detail: '',
      effect: `its state stays in its changelog until it is dropped: millrace reset ${pipeline} --step ${name}`,
    })
  for (const [was, is] of inBoth(before.stores, now.stores))
    changes.push(...changesOfStore(pipeline, was, is), ...columnChanges(pipeline, was, is))
  return changes
}

function isSameState(a: StoreShape, b: StoreShape): boolean {
  const columns = (store: StoreShape) => store.columns.map(({ name, detail }) => `${name} ${detail}`).join()
  return a.keyedBy === b.keyedBy && a.window === b.window && columns(a) === columns(b)
}

function changesOfStore(pipeline: string, was: StoreShape, is: StoreShape): PipelineChange[] {
  const parts: [keyof StoreShape, string, string][] = [
    ['keyedBy', 'keyed by', 'rows of other keys would lie in one store'],
    ['window', 'window', 'its rows are of other windows'],
    ['partitions', 'partitions', 'keys would be looked for in other partitions than where their state is'],
  ]
  return parts
    .filter(([part]) => was[part] !== is[part])
    .map(([part, title, effect]) => ({
      kind: 'changed',
      what: 'store',
      name: is.name,
      detail: `${title} ${was[part] ?? 'none'}, now ${is[part] ?? 'none'}`,
      effect,
      refused: `give the step another name to begin a state beside the old one, or millrace reset ${pipeline}${part === 'partitions' ? '' : ` --step ${is.name}`}`,
    }))
}

function columnChanges(pipeline: string, was: StoreShape, is: StoreShape): PipelineChange[] {
  const name = (column: ColumnShape) => `${is.name}.${column.name}`
  const what = 'column'
  return [
    ...missingFrom(was.columns, is.columns).map(
      (column): PipelineChange => ({
        kind: 'new',
        what,
        name: name(column),
        detail: '',
        effect: 'it starts from its initial value, also in rows that are there',
      }),
    ),
    ...missingFrom(is.columns, was.columns).map(
      (column): PipelineChange => ({
        kind: 'removed',
        what,
        name: name(column),
        detail: '',
        effect: 'what it held is dropped',
      }),
    ),
    ...inBoth(was.columns, is.columns)
      .filter(([before, now]) => before.detail !== now.detail)
      .map(
        ([before, now]): PipelineChange => ({
          kind: 'changed',
          what,
          name: name(now),
          detail: `${before.detail}, now ${now.detail}`,
          effect:
            before.state === now.state
              ? 'what it held stays, and goes on with what comes'
              : 'its state means something else',
          ...(before.state !== now.state && {
            refused: `give the column another name, or millrace reset ${pipeline} --step ${is.name}`,
          }),
        }),
      ),
  ]
}

/** Those of `now` that `before` lacks. */
function missingFrom<T extends Named>(before: readonly T[], now: readonly T[]): T[] {
  const names = new Set(before.map(({ name }) => name))
  return now.filter(({ name }) => !names.has(name))
}

function inBoth<T extends Named>(before: readonly T[], now: readonly T[]): [T, T][] {
  const byName = new Map(before.map(each => [each.name, each]))
  return now.flatMap((is): [T, T][] => {
    const was = byName.get(is.name)
    return was === undefined ? [] : [[was, is]]
  })
}

/** One line per change, for example `- store "per-url" changed (window …): …`. */
export function changeText({ kind, what, name, detail, effect, refused }: PipelineChange): string {
  const shown = detail === '' ? '' : ` (${detail})`
  const wayOut = refused === undefined ? '' : `; refused: ${refused}`
  return `${what} "${name}" ${kind}${shown}: ${effect}${wayOut}`
}
