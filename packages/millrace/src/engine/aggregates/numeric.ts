import type { Column } from './column.ts'

type NumericColumn = Pick<Column, 'initial' | 'update' | 'result' | 'merge' | 'subtract'>

/**
 * Adds with the rounding error kept beside the sum (two-sum, Knuth TAOCP 4.2.2), so that the result does
 * not depend on the order of the records in all but contrived cases, and integers below 2^53 are exact.
 */
function addExactly(f64: Float64Array, at: number, x: number): void {
  const a = f64[at]!
  const s = a + x
  const b = s - a
  f64[at] = s
  f64[at + 1]! += a - (s - b) + (x - b)
}

/** An infinite sum has a meaningless error term (∞ − ∞), so the sum alone is the answer then. */
function exactSum(f64: Float64Array, at: number): number {
  const sum = f64[at]!
  return Number.isFinite(sum) ? sum + f64[at + 1]! : sum
}

/** Adds a sum and its rounding error, `sign` times. */
function addSum(into: Float64Array, at: number, from: Float64Array, fromAt: number, sign: 1 | -1): void {
  addExactly(into, at, sign * from[fromAt]!)
  into[at + 1]! += sign * from[fromAt + 1]!
}

/** What was infinite once has lost what it was made of. */
function isFiniteSum(f64: Float64Array, at: number): boolean {
  return Number.isFinite(f64[at]!) && Number.isFinite(f64[at + 1]!)
}

export const countColumn: NumericColumn = {
  initial: [0],
  update(f64, at) {
    f64[at]!++
  },
  result: (f64, at) => f64[at],
  merge(into, at, from, fromAt) {
    into.f64[at]! += from.f64[fromAt]!
  },
  subtract(into, at, from, fromAt) {
    into.f64[at]! -= from.f64[fromAt]!
    return true
  },
}

export const sumColumn: NumericColumn = {
  initial: [0, 0],
  update: addExactly,
  result: exactSum,
  merge: (into, at, from, fromAt) => addSum(into.f64, at, from.f64, fromAt, 1),
  subtract(into, at, from, fromAt) {
    if (!isFiniteSum(into.f64, at)) return false
    addSum(into.f64, at, from.f64, fromAt, -1)
    return true
  },
}

export const avgColumn: NumericColumn = {
  initial: [0, 0, 0],
  update(f64, at, x) {
    addExactly(f64, at, x)
    f64[at + 2]!++
  },
  result: (f64, at) => (f64[at + 2] === 0 ? null : exactSum(f64, at) / f64[at + 2]!),
  merge(into, at, from, fromAt) {
    addSum(into.f64, at, from.f64, fromAt, 1)
    into.f64[at + 2]! += from.f64[fromAt + 2]!
  },
  subtract(into, at, from, fromAt) {
    if (!isFiniteSum(into.f64, at)) return false
    addSum(into.f64, at, from.f64, fromAt, -1)
    into.f64[at + 2]! -= from.f64[fromAt + 2]!
    return true
  },
}

/** NaN stands for "no number seen": it can't be an argument (see `Argument`). */
export const minColumn: NumericColumn = {
  initial: [Number.NaN],
  update(f64, at, x) {
    if (!(f64[at]! <= x)) f64[at] = x
  },
  result: numberOrNull,
  merge({ f64 }, at, from, fromAt) {
    if (f64[at]! > from.f64[fromAt]! || Number.isNaN(f64[at]!)) f64[at] = from.f64[fromAt]!
  },
}

export const maxColumn: NumericColumn = {
  initial: [Number.NaN],
  update(f64, at, x) {
    if (!(f64[at]! >= x)) f64[at] = x
  },
  result: numberOrNull,
  merge({ f64 }, at, from, fromAt) {
    if (f64[at]! < from.f64[fromAt]! || Number.isNaN(f64[at]!)) f64[at] = from.f64[fromAt]!
  },
}

function numberOrNull(f64: Float64Array, at: number): number | null {
  const x = f64[at]!
  return Number.isNaN(x) ? null : x
}
