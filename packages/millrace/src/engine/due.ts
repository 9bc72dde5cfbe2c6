/** Something a task does when its watermark reaches `at`: closing a window, a tick. */
export interface Due {
  readonly at: number
  readonly depth: number
  readonly name: string
  /** False when the slice is used up: call it again. */
  readonly run: () => boolean
}

/** The order of SEMANTICS 3.2: by time, then (at one time) upstream first, then by step name. */
export function isBefore(a: Due, b: Due): boolean {
  if (a.at !== b.at) return a.at < b.at
  if (a.depth !== b.depth) return a.depth < b.depth
  return a.name < b.name
}
