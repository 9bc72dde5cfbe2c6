/** Windows of so many records of a key each, in the order in which they come. */
export interface CountWindow {
  readonly kind: 'count'
  /** How many records are in a window. */
  readonly records: number
  /** A window begins with every so many records; at most `records`. */
  readonly slide: number
  /** What becomes of windows that are not full when the input ends. */
  readonly incomplete: 'drop' | 'emit'
}

export interface CountWindowOptions {
  /** A window begins with every so many records of a key; by default as many as it holds, one window behind the other. */
  readonly slide?: number
  /** What becomes of windows that are not full when a bounded run ends; `drop` by default. */
  readonly incomplete?: 'drop' | 'emit'
}

/** Windows over one record that a row may hold at a time. */
const openMax = 1000

/**
 * Windows of `records` records of a key each: `countWindow(100)` gives a row for every hundred, `countWindow(100, { slide: 10 })` one about the
 * last hundred with every tenth, from the hundredth on. `start` and `end` of a row are the earliest and the latest event time in it. Event
 * time closes nothing here, so no record is late; which records meet in a window depends on the order in which they come, and behind a
 * `keyBy` that is not that of the input. A record changes `records / slide` windows. Throws `TypeError` for numbers that are none.
 *
 * @example
 * stream.keyBy('sensor').window(countWindow(10)).aggregate('tens', { mean: avg('value') }).emit('final')
 */
export function countWindow(records: number, options: CountWindowOptions = {}): CountWindow {
  const { slide = records, incomplete = 'drop' } = options
  if (!(Number.isSafeInteger(records) && records > 0))
    throw new TypeError(
      `countWindow(records): ${records} is not a number of records; give a whole number from 1`,
    )
  if (!(Number.isSafeInteger(slide) && slide > 0 && slide <= records))
    throw new TypeError(
      `countWindow({ slide }): ${slide} is not a number of records; give a whole number from 1 to ${records}`,
    )
  if (incomplete !== 'drop' && incomplete !== 'emit')
    throw new TypeError(
      `countWindow({ incomplete }): ${JSON.stringify(incomplete)} is neither 'drop' nor 'emit'`,
    )
  const open = Math.ceil(records / slide)
  if (open > openMax)
    throw new TypeError(
      `countWindow({ slide }): each record would be in ${open} windows, and at most ${openMax} are possible; give a longer slide`,
    )
  return Object.freeze({ kind: 'count', records, slide, incomplete })
}
