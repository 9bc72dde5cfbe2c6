import type { InputDecoder } from '../decode.ts'

/**
 * What generated code knows about the record at some place of the graph: the names of the variables, or
 * the constants, that hold its parts.
 */
export interface Path {
  readonly v: string
  /** The value is the source's own, so its bytes can be copied. */
  readonly raw: boolean
  readonly kb: string
  readonly ks: string
  readonly ke: string
  /** A key set by `out()`; the text `undefined` where there is none. */
  readonly k: string
  readonly t: string
  /** Headers: the text `undefined` for the source's own. */
  readonly h: string
  /** The watermarks by which lateness is judged; undefined for rows of a store, which are late only by what has closed. */
  readonly late?: { readonly own: string; readonly task: string }
  /** Rows of a store may come this way too. */
  readonly mayBeRow: boolean
  /** Windows may have gone out that the watermarks say are open: those of rows, and of records that come again. */
  readonly mayBeGone: boolean
  /** Start of the window an update belongs to; `NaN` elsewhere. */
  readonly start: string
  /** What decoded the value, where it is that of the record that a cursor of the task stands at. */
  readonly decoder?: InputDecoder
}

/** The arguments of `Arrival` behind the task. */
export function argumentsOf(path: Path): string {
  return `${path.v}, ${path.kb}, ${path.ks}, ${path.ke}, ${path.k}, ${path.t}, ${path.h}`
}

/** The path inside a generated function with the parameters of `Arrival`. */
export const arrivalParameters =
  'T, v, kb, ks, ke, k, t, h, start = NaN, lateOwn = T.judgedOwn, lateTask = T.judgedTask'

export function arrivalPath(raw: boolean): Path {
  const late = { own: 'lateOwn', task: 'lateTask' }
  return {
    v: 'v',
    raw,
    kb: 'kb',
    ks: 'ks',
    ke: 'ke',
    k: 'k',
    t: 't',
    h: 'h',
    start: 'start',
    late,
    mayBeRow: true,
    mayBeGone: true,
  }
}
