/** What the generators of Nexmark's events draw alike. */
import type { Sfc32 } from './sfc32.ts'

export const poolLetters = 2 ** 20

/** A million letters, of which every record takes a piece to fill itself up. */
export function letterPool(random: Sfc32, seed: number): string {
  random.seed(0, -1, seed)
  const bytes = Buffer.alloc(poolLetters)
  for (let i = 0; i < poolLetters; i++) bytes[i] = 97 + random.below(26)
  return bytes.toString('latin1')
}

/** A price in cents, as often between 1 and 10 as between 100,000 and 1,000,000. */
export function price(random: Sfc32): number {
  return Math.round(exp(random.unit() * 6 * Math.LN10) * 100)
}

/** The exponential function by its series: `Math.exp` may differ from engine to engine. */
function exp(x: number): number {
  const k = Math.floor(x / Math.LN2 + 0.5)
  const r = x - k * Math.LN2
  let term = 1
  let sum = 1
  for (let i = 1; i <= 14; i++) {
    term = (term * r) / i
    sum += term
  }
  return sum * 2 ** k
}
