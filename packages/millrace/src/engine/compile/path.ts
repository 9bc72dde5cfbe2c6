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
  /** The watermark by which lateness is judged; undefined behind rows that left at a close, which are never late. */
  readonly late?: { readonly own: string; readonly task: string }
  /** Start of the window an update belongs to; `NaN` elsewhere. */
  readonly start: string
}

/** The arguments of `Arrival` behind the task. */
export function argumentsOf(path: Path): string {
  return `${path.v}, ${path.kb}, ${path.ks}, ${path.ke}, ${path.k}, ${path.t}, ${path.h}`
}

/** The path inside a generated function with the parameters of `Arrival`. */
export const arrivalParameters = 'T, v, kb, ks, ke, k, t, h'

export function arrivalPath(raw: boolean): Path {
  return { v: 'v', raw, kb: 'kb', ks: 'ks', ke: 'ke', k: 'k', t: 't', h: 'h', start: 'NaN' }
}
