import { DDSketch } from '@datadog/sketches-js'
import type { CustomAggregator } from '../../plan/graph.ts'
import { encodeKey } from '../../serde/key.ts'
import { KeyBuffer } from '../../serde/sink.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { Column } from './column.ts'

export type ObjectColumn = Pick<
  Column,
  'initial' | 'object' | 'update' | 'updateObject' | 'result' | 'merge' | 'mergeStates'
>

export const pointsToObject = { initial: [0], update: () => {} } satisfies Partial<Column>

/** Holds `[]` until a value came, then `[value]`; an absent field is no value. */
export function firstColumn(): ObjectColumn {
  return {
    ...pointsToObject,
    object: { initial: () => [], encode: state => state, decode: stored => stored },
    updateObject: (state: unknown[], value) => (state.length > 0 || value === undefined ? state : [value]),
    result: boxedValue,
  }
}

export function lastColumn(): ObjectColumn {
  return {
    ...firstColumn(),
    updateObject: (state: unknown[], value) => (value === undefined ? state : [value]),
  }
}

/** What came until `max` were there. The state grows in place, so a row gets a list of its own. */
export function collectColumn(max: number): ObjectColumn {
  return {
    ...pointsToObject,
    object: { initial: () => [], encode: state => state, decode: stored => stored },
    updateObject(state: unknown[], value) {
      if (value !== undefined && state.length < max) state.push(value)
      return state
    },
    // An older run may have kept more.
    result: (f64, at, objects) => (objects[f64[at]!] as unknown[]).slice(0, max),
  }
}

export function objectAt(table: KeyTable, at: number): unknown {
  return table.objects[table.f64[at]!]
}

/** The value of a state that is empty until one came, and has it at its beginning then. */
export function boxedValue(f64: Float64Array, at: number, objects: readonly unknown[]): unknown {
  const box = objects[f64[at]!] as unknown[]
  return box.length > 0 ? box[0] : null
}

/** Exact: a set of the values' key encodings with the kind in front, so that 1 and '1' differ. Null counts as one value. */
export function countDistinctColumn(): ObjectColumn {
  const buffer = new KeyBuffer()
  const identity = (value: unknown): string => {
    if (value === null) return 'null'
    buffer.clear()
    const kind = encodeKey(value, buffer)
    return `${kind}${buffer.buffer.toString('latin1', 0, buffer.position)}`
  }
  return {
    ...pointsToObject,
    object: {
      initial: () => new Set<string>(),
      encode: (state: Set<string>) => [...state],
      decode: stored => new Set(stored as string[]),
    },
    updateObject: (state: Set<string>, value) => (value === undefined ? state : state.add(identity(value))),
    result: (f64, at, objects) => (objects[f64[at]!] as Set<string>).size,
    merge(into, at, from, fromAt) {
      const all = objectAt(into, at) as Set<string>
      for (const value of objectAt(from, fromAt) as Set<string>) all.add(value)
    },
  }
}

/**
 * DDSketch (Masson, Rim, Lee: VLDB 2019): a quantile is off by at most `relativeAccuracy` of its value. Its
 * buckets are counts, so the result does not depend on the order of the records.
 */
export function quantileColumn(q: number, relativeAccuracy: number): ObjectColumn {
  return {
    ...pointsToObject,
    object: {
      initial: () => new DDSketch({ relativeAccuracy }),
      encode: (sketch: DDSketch) => encodeSketch(sketch),
      decode: stored => decodeSketch(stored as StoredSketch, relativeAccuracy),
    },
    updateObject(sketch: DDSketch, value: number) {
      sketch.accept(value)
      return sketch
    },
    result(f64, at, objects) {
      const value = (objects[f64[at]!] as DDSketch).getValueAtQuantile(q)
      return Number.isNaN(value) ? null : value
    },
    merge(into, at, from, fromAt) {
      mergeSketch(objectAt(into, at) as DDSketch, objectAt(from, fromAt) as DDSketch)
    },
  }
}

/** `DDSketch.merge` of the library forgets the negative values. */
function mergeSketch(into: DDSketch, from: DDSketch): void {
  into.store.merge(from.store)
  into.negativeStore.merge(from.negativeStore)
  into.zeroCount += from.zeroCount
  into.count += from.count
}

/** Bucket keys and counts of one half of the sketch, in pairs. */
type StoredStore = readonly number[]
type StoredSketch = { readonly p: StoredStore; readonly n: StoredStore; readonly z: number }

function encodeSketch(sketch: DDSketch): StoredSketch {
  return { p: encodeStore(sketch.store), n: encodeStore(sketch.negativeStore), z: sketch.zeroCount }
}

function encodeStore(store: DDSketch['store']): StoredStore {
  const pairs: number[] = []
  for (let i = 0; i < store.bins.length; i++) if (store.bins[i]) pairs.push(i + store.offset, store.bins[i]!)
  return pairs
}

function decodeSketch(stored: StoredSketch, relativeAccuracy: number): DDSketch {
  const sketch = new DDSketch({ relativeAccuracy })
  for (let i = 0; i < stored.p.length; i += 2) sketch.store.add(stored.p[i]!, stored.p[i + 1]!)
  for (let i = 0; i < stored.n.length; i += 2) sketch.negativeStore.add(stored.n[i]!, stored.n[i + 1]!)
  sketch.zeroCount = stored.z
  sketch.count = stored.z + sketch.store.count + sketch.negativeStore.count
  return sketch
}

export function customColumn(custom: CustomAggregator): ObjectColumn {
  return {
    ...pointsToObject,
    object: {
      initial: custom.init,
      encode: custom.encode ?? (state => state),
      decode: (stored, version) => migrated(custom, custom.decode ? custom.decode(stored) : stored, version),
    },
    updateObject: (state, value, record) => custom.add(state, value, record),
    mergeStates: custom.merge,
    result(f64, at, objects) {
      const state = objects[f64[at]!]
      return custom.result ? custom.result(state) : state
    },
  }
}

/** Turns a state of an older version into one of the running version (SEMANTICS 8.1). */
function migrated(custom: CustomAggregator, state: unknown, version: number): unknown {
  if (version === custom.version) return state
  if (custom.migrate !== undefined) return custom.migrate(state, version)
  throw new Error(
    `A custom aggregate of version ${custom.version} found a state of version ${version}: give it migrate(old, from), or reset the pipeline`,
  )
}
