import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BufferPool } from './buffer-pool.ts'

describe('BufferPool', () => {
  it('gives a buffer again that was given back, also for a little less than it was taken for', () => {
    const pool = new BufferPool()
    const buffer = pool.take(200_000)
    pool.give(buffer)
    assert.equal(pool.take(180_000), buffer)
    assert.notEqual(pool.take(180_000), buffer)
  })

  it('does not give a buffer that is much too large', () => {
    const pool = new BufferPool()
    pool.give(pool.take(200_000))
    assert.ok(pool.take(100_000).length < 120_000)
  })

  it('takes back the whole of a buffer by a part of it', () => {
    const pool = new BufferPool()
    const { buffer } = pool.take(200_000)
    pool.giveWhole(Buffer.from(buffer, 0, 150_000))
    assert.equal(pool.take(200_000).buffer, buffer)
  })

  it('keeps no more than it may', () => {
    const pool = new BufferPool(500_000)
    const buffers = [200_000, 200_000, 200_000].map(bytes => pool.take(bytes))
    for (const buffer of buffers) pool.give(buffer)
    const again = buffers.map(({ length }) => pool.take(length))
    assert.equal(again.filter(buffer => buffers.includes(buffer)).length, 2)
  })

  it('lets go of what nobody needs any more, and of nothing that is used', () => {
    const pool = new BufferPool(10_000_000)
    const burst = Array.from({ length: 40 }, () => pool.take(200_000))
    for (const buffer of burst) pool.give(buffer)
    const used = new Set<Buffer>()
    const use = (count: number) => {
      const taken = Array.from({ length: count }, () => pool.take(200_000))
      for (const buffer of taken) pool.give(buffer)
      for (const buffer of taken) used.add(buffer)
      return taken
    }
    for (let i = 0; i < 500; i++) use(10)
    assert.ok(used.size <= 10, `${used.size} buffers were in use`)
    const left = use(40).filter(buffer => burst.includes(buffer)).length
    assert.ok(left >= 10 && left <= 20, `${left} buffers were kept`)
  })
})
