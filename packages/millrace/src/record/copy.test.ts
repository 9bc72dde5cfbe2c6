import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RangeCopier } from './copy.ts'

describe('a range copier', () => {
  const to = Buffer.alloc(600)
  const view = new DataView(to.buffer, to.byteOffset, to.length)
  const pattern = Array.from({ length: 500 }, (_, i) => (i * 7 + 128) & 255)

  it('copies ranges of any length, and nothing beside them, from the same source or another', () => {
    const copier = new RangeCopier()
    for (const source of [Buffer.from(pattern), Uint8Array.from(pattern), Buffer.from(pattern).subarray(3)]) {
      for (let length = 0; length <= 260; length++) {
        const start = length % 11
        to.fill(1)
        copier.copy(source, start, start + length, to, view, 5)
        assert.ok(
          to.subarray(5, 5 + length).equals(source.subarray(start, start + length)),
          `${length} bytes`,
        )
        assert.deepEqual([to[4], to[5 + length]], [1, 1])
      }
    }
  })

  it('takes sources in turn', () => {
    const copier = new RangeCopier()
    const sources = [Buffer.alloc(50, 2), Buffer.alloc(50, 3)]
    for (let i = 0; i < 6; i++) {
      copier.copy(sources[i & 1]!, 0, 50, to, view, 0)
      assert.equal(to[49], 2 + (i & 1))
    }
  })
})
