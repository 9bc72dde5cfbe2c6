/** What a store's rows consist of, and which changes of it running code can take over (SEMANTICS 8.1). */

/** One result column of a step and the places it takes in a row. */
export interface LayoutColumn {
  readonly name: string
  /** Kind and parameters of what fills it, for example `sum(ms)`; equal text means equal meaning of the state. */
  readonly aggregator: string
  /** How many doubles of a row belong to it. */
  readonly doubles: number
  /** How many objects of a row belong to it. */
  readonly objects: number
  /** Version of a custom state; its codec reads older ones. */
  readonly version: number
  /** Wall time in ms when the column was added to a store that had rows without it. */
  readonly since?: number
}

export interface StoreLayout {
  readonly step: string
  readonly kind: 'table' | 'windows' | 'sessions' | 'entries'
  readonly columns: readonly LayoutColumn[]
  /** Id of the key serde, or the empty text where keys carry their kind. */
  readonly keySerde: string
  /** What makes two windows the same window (size, offset); leave out what may change freely (grace). */
  readonly window?: Readonly<Record<string, string | number>>
  /** Number of this column set within the store, 1 to 255; every changelog record carries it. */
  readonly version: number
}

/** The largest version that fits the byte of a changelog record. */
const VERSION_MAX = 255

/** A store's state cannot be read by the code that wants it; the message says the ways out. */
export class LayoutChangedError extends Error {
  override readonly name = 'LayoutChangedError'
  readonly step: string
  constructor(step: string, what: string) {
    super(
      `The state of step "${step}" does not fit the code any more: ${what}. ` +
        'Give the step a new name (`rename`) to begin a new state beside the old one, drop the old state (`reset`), ' +
        'or turn it into the new form (`migrate`)',
    )
    this.step = step
  }
}

/**
 * The layout to run with: `stored` itself when nothing changed, otherwise the wanted columns under the
 * next version, added ones marked with `nowMs`. Throws `LayoutChangedError` when the state means something else.
 */
export function adoptLayout(stored: StoreLayout, wanted: StoreLayout, nowMs: number): StoreLayout {
  checkRows(stored, wanted)
  const before = new Map(stored.columns.map(column => [column.name, column]))
  const columns = wanted.columns.map(column =>
    adoptColumn(wanted.step, before.get(column.name), column, nowMs),
  )
  if (JSON.stringify(columns) === JSON.stringify(stored.columns.map(plain))) return stored
  const version = stored.version + 1
  if (version > VERSION_MAX) throw new LayoutChangedError(wanted.step, `it was changed ${VERSION_MAX} times`)
  return { ...wanted, columns, version }
}

/** Throws `LayoutChangedError` when the rows themselves are other ones: no later column change can mend that. */
export function checkRows(stored: StoreLayout, wanted: StoreLayout): void {
  refuse(wanted.step, 'its kind', stored.kind, wanted.kind)
  refuse(wanted.step, 'its key serde', stored.keySerde, wanted.keySerde)
  refuse(wanted.step, 'its window', windowText(stored), windowText(wanted))
}

function adoptColumn(
  step: string,
  before: LayoutColumn | undefined,
  wanted: LayoutColumn,
  nowMs: number,
): LayoutColumn {
  if (before === undefined) return plain({ ...wanted, since: nowMs })
  const what = `the aggregate of column "${wanted.name}"`
  refuse(step, what, placesText(before), placesText(wanted))
  if (wanted.version < before.version) {
    const versions = `was written by version ${before.version} and this is version ${wanted.version}`
    throw new LayoutChangedError(step, `${what} ${versions}`)
  }
  return plain({ ...wanted, since: before.since })
}

/** The members in one order, so that equal columns have equal text. */
function plain({ name, aggregator, doubles, objects, version, since }: LayoutColumn): LayoutColumn {
  const column = { name, aggregator, doubles, objects, version }
  return since === undefined ? column : { ...column, since }
}

/** Two columns of one name hold the same state when this is equal. */
export function placesText({ aggregator, doubles, objects }: LayoutColumn): string {
  return `${aggregator} (${doubles} numbers, ${objects} objects)`
}

function windowText({ window }: StoreLayout): string {
  if (window === undefined) return 'none'
  return JSON.stringify(Object.entries(window).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function refuse(step: string, what: string, before: string, now: string): void {
  if (before !== now)
    throw new LayoutChangedError(step, `${what} was ${before || 'any'} and is ${now || 'any'}`)
}
