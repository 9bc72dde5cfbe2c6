import type { PipelineShape, StoreShape } from './shape.ts'

/**
 * What was ever kept behind each input of a pipeline, in the order in which it came up: of two layouts the one that came up later
 * is the newer (SEMANTICS 8.2). Whoever knows a part of the records only knows the beginning of the same order.
 */
export class LayoutHistory {
  /** As what the pipeline last ran; undefined for one that never ran. */
  shape: PipelineShape | undefined
  readonly #layouts = new Map<string, string[]>()
  /** By input, the index of the newest layout that has been at work. */
  readonly #written = new Map<string, number>()

  /** In the order of the log. */
  add({ note, ...shape }: ShapeRecord): void {
    if (note?.kind === 'reset')
      for (const input of note.inputs) for (const known of [this.#layouts, this.#written]) known.delete(input)
    const isFirst = this.#layouts.size === 0
    const layouts = layoutsOf(shape)
    for (const input of new Set([...this.#layouts.keys(), ...layouts.keys()])) {
      const layout = layouts.get(input) ?? ''
      const known = this.#layouts.get(input) ?? (isFirst ? [] : [''])
      this.#layouts.set(input, known)
      if (!known.includes(layout) || (note?.kind === 'rollback' && known.at(-1) !== layout))
        known.push(layout)
      if (note === undefined || note.kind === 'reset')
        this.#written.set(input, Math.max(this.#writtenOf(input), known.lastIndexOf(layout)))
    }
    if (note === undefined || note.kind === 'reset' || this.shape === undefined) this.shape = shape
  }

  #writtenOf(input: string): number {
    return this.#written.get(input) ?? -1
  }

  /** Where a shape stands among those before it. */
  standingOf(shape: PipelineShape): Standing {
    const layouts = layoutsOf(shape)
    const standing = {
      versions: new Map<string, number>(),
      writtenVersions: new Map<string, number>(),
      older: [] as string[],
      newer: [] as string[],
      isKnown: true,
    }
    for (const input of new Set([...this.#layouts.keys(), ...layouts.keys()])) {
      const known = this.#layouts.get(input) ?? ['']
      const layout = layouts.get(input) ?? ''
      const index = known.lastIndexOf(layout)
      const isKnown = index >= 0
      if (!isKnown) standing.isKnown = false
      if (layout === '' && known.every(each => each === '')) continue
      standing.versions.set(input, index + 1)
      standing.writtenVersions.set(input, this.#writtenOf(input) + 1)
      if (isKnown && index < this.#writtenOf(input)) standing.older.push(input)
      else if (!isKnown || index > this.#writtenOf(input)) standing.newer.push(input)
    }
    return standing
  }
}

/** A record of the history: a shape, and why it stands there where that is not "it ran". */
export interface ShapeRecord extends PipelineShape {
  readonly note?: ShapeNote
}

export type ShapeNote =
  /** It is about to run, and has written nothing yet. */
  | { readonly kind: 'announced' }
  /** It is about to run, as the newest from now on, although newer ones were before it. */
  | { readonly kind: 'rollback' }
  /** What was kept behind these inputs is gone, and who was newer with it. */
  | { readonly kind: 'reset'; readonly inputs: readonly string[] }

export interface Standing {
  /** By input, 1 for its first layout; only of inputs behind which anything was ever kept. */
  readonly versions: ReadonlyMap<string, number>
  /** The newest that has been at work, 0 for none. */
  readonly writtenVersions: ReadonlyMap<string, number>
  /** Inputs behind which something newer has been at work. */
  readonly older: readonly string[]
  /** Inputs behind which this has not been at work yet. */
  readonly newer: readonly string[]
  /** Whether all of it is in the history. */
  readonly isKnown: boolean
}

/** By input, what is kept behind it: the rows of its stores, and the re-keyings that others keep something behind. Equal text, equal rows. */
function layoutsOf({ stores, rekeyings }: PipelineShape): Map<string, string> {
  const parts = [
    ...stores.flatMap(store => inputsOf(store).map(input => ({ input, text: storeText(store) }))),
    ...rekeyings.flatMap(({ name, from = [] }) => from.map(input => ({ input, text: `> ${name}` }))),
  ]
  const byInput = Map.groupBy(parts, ({ input }) => input)
  return new Map(
    [...byInput].map(([input, each]) => [
      input,
      [...new Set(each.map(({ text }) => text))].sort().join('; '),
    ]),
  )
}

/** Names of the inputs that a store is behind. */
export function inputsOf({ keyedBy }: StoreShape): string[] {
  return keyedBy.split('+')
}

/** Rows are read by the names of columns, so that their order says nothing. */
function storeText({ name, window, columns }: StoreShape): string {
  const list = columns.map(({ name, state, version = 1 }) => `${name} ${state} v${version}`).sort()
  return `${name}${window === undefined ? '' : ` (${window})`}: ${list.join(', ')}`
}
