import { compileLayout, type Layout, learnLayout, sameLayout } from './layout.ts'
import type { Locate, SliceBuffer, Slots } from './slots.ts'

/** How many records each tier has answered. */
export interface TierHits {
  layout: number
  scanner: number
  parser: number
}

const LAYOUTS_MAX = 4
/** The misses after which it is judged whether layouts pay. */
const TRIAL_MISSES = 256
/** For how many records the scanner then runs alone before layouts are tried again; doubled each time, up to the second. */
const PAUSE_RECORDS = 4096
const PAUSE_RECORDS_MAX = 262_144
/** The misses between two learned layouts grow by this factor, so a source without a layout costs few compilations. */
const LEARN_GAP_FACTOR = 4
const LEARN_GAP_MAX = 65_536

interface Learned {
  readonly layout: Layout
  readonly locate: Locate
  hits: number
}

/**
 * Chooses between learned layouts and the scanner. A miss costs a partial read, so when most records of a
 * trial miss every layout the scanner runs alone for a while.
 */
export function compileTiers(
  fields: readonly string[],
  slots: Slots,
  scanner: Locate,
  hits: TierHits,
): Locate {
  const learned: Learned[] = []
  let latest: Learned | undefined
  let pause = 0
  let pauseNext = PAUSE_RECORDS
  let misses = 0
  let hitsBefore = 0
  let learnGap = 1
  let missesUntilLearning = 1

  return function locate(u, v, start, end) {
    if (pause > 0) {
      pause--
      return scan(u, v, start, end)
    }
    if (latest?.locate(u, v, start, end)) {
      latest.hits++
      hits.layout++
      return true
    }
    for (const other of learned)
      if (other !== latest && other.locate(u, v, start, end)) {
        latest = other
        latest.hits++
        hits.layout++
        return true
      }
    if (!scan(u, v, start, end)) return false
    if (--missesUntilLearning <= 0) learn(u, start, end)
    if (++misses >= TRIAL_MISSES) judge()
    return true
  }

  function scan(u: SliceBuffer, v: DataView, start: number, end: number): boolean {
    if (!scanner(u, v, start, end)) return false
    hits.scanner++
    return true
  }

  function learn(u: SliceBuffer, start: number, end: number): void {
    learnGap = Math.min(learnGap * LEARN_GAP_FACTOR, LEARN_GAP_MAX)
    missesUntilLearning = learnGap
    const layout = learnLayout(u, start, end, fields, slots)
    if (layout === undefined || learned.some(known => sameLayout(known.layout, layout))) return
    if (learned.length === LAYOUTS_MAX) learned.splice(leastUsed(), 1)
    latest = { layout, locate: compileLayout(layout, fields.length, slots), hits: 0 }
    learned.push(latest)
  }

  function leastUsed(): number {
    let least = 0
    learned.forEach((known, i) => {
      if (known.hits < learned[least]!.hits) least = i
    })
    return least
  }

  function judge(): void {
    if (hits.layout - hitsBefore < misses) {
      pause = pauseNext
      pauseNext = Math.min(pauseNext * 2, PAUSE_RECORDS_MAX)
      // What comes after the pause may be other writers: learning begins anew, and any layout may be replaced.
      for (const known of learned) known.hits = 0
      learnGap = 1
      missesUntilLearning = 1
    } else pauseNext = PAUSE_RECORDS
    misses = 0
    hitsBefore = hits.layout
  }
}
