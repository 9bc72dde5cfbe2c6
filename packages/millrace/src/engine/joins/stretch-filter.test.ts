import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '../../std/random.ts'
import { StretchFilter } from './stretch-filter.ts'

const bucketMs = 64

describe('the stretches of time in which keys may have something', () => {
  it('name each one that a key has, however many keys there are, and wherever stretches come and go', () => {
    const random = seededRandom(7)
    const pick = (n: number) => Math.floor(random() * n)
    const filter = new StretchFilter(bucketMs)
    const open = new Map<number, Set<number>>()
    // More at once than there are bits, before time 0 too.
    for (let start = -40 * bucketMs; start < 60 * bucketMs; start += bucketMs) {
      open.set(start, new Set())
      for (let n = 0; n < 100; n++) {
        const [place, hashes] = [...open][pick(open.size)]!
        const hash = pick(2 ** 32) | 0
        hashes.add(hash)
        filter.add(hash, place)
      }
      while (open.size > 1 && pick(3) === 0) {
        const [first] = open.keys()
        open.delete(first!)
        filter.drop(first!, [...open.keys()])
      }
      for (const [place, hashes] of open)
        for (const hash of hashes) assert.ok(filter.isIn(filter.of(hash), place))
    }
  })

  it('name few others, and none that has gone', () => {
    const filter = new StretchFilter(bucketMs)
    const starts = [0, 1, 2, 3, 4, 5].map(n => n * bucketMs)
    const hashOf = (n: number) => Math.imul(n, 0x9e3779b1)
    for (let n = 0; n < 30_000; n++) filter.add(hashOf(n), starts[n % starts.length]!)
    let others = 0
    for (let n = 0; n < 30_000; n++)
      for (const start of starts)
        if (start !== starts[n % starts.length] && filter.isIn(filter.of(hashOf(n)), start)) others++
    assert.ok(others < 0.25 * 5 * 30_000, `${others}`)
    for (const [i, start] of starts.entries()) filter.drop(start, starts.slice(i + 1))
    for (let n = 0; n < 30_000; n++) assert.equal(filter.of(hashOf(n)), 0)
  })
})
