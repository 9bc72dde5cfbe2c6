import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Random, seededRandom } from './random.ts'

const take = (random: Random, count: number) => Array.from({ length: count }, random)

describe('seeded randomness', () => {
  it('repeats itself, and differs by seed', () => {
    assert.deepEqual(take(seededRandom(1), 20), take(seededRandom(1), 20))
    assert.notDeepEqual(take(seededRandom(1), 20), take(seededRandom(2), 20))
  })

  it('lies in [0, 1), spread evenly, from the first number on', () => {
    const numbers = take(seededRandom(3), 10_000)
    const tenths = new Array<number>(10).fill(0)
    for (const number of numbers) tenths[Math.floor(number * 10)]!++
    assert.ok(
      tenths.every(count => count > 880 && count < 1120),
      tenths.join(' '),
    )
    const firsts = Array.from({ length: 1000 }, (_, seed) => seededRandom(seed)())
    const mean = firsts.reduce((sum, first) => sum + first, 0) / 1000
    assert.ok(mean > 0.46 && mean < 0.54, `mean ${mean}`)
  })
})
