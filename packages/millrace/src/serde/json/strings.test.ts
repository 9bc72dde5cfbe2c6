import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { SliceBuffer } from './slots.ts'
import { StringCache } from './strings.ts'

function take(cache: StringCache, text: string, before = ''): string {
  const buffer = Buffer.from(`${before}${text}]]]]`)
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
  return cache.take(buffer as unknown as SliceBuffer, view, before.length, before.length + text.length)
}

describe('a cache of strings', () => {
  it('gives the text of the bytes, whatever came before and wherever it lies', () => {
    const cache = new StringCache()
    const text = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.string({ unit: fc.constantFrom('a', '\0', 'b'), maxLength: 6 }),
      fc.nat(5000).map(n => `user-${n}`),
    )
    fc.assert(
      fc.property(fc.array(text, { minLength: 20 }), fc.nat(5), (texts, shift) => {
        for (const each of texts) assert.equal(take(cache, each, '['.repeat(shift)), each)
      }),
      { numRuns: 500 },
    )
  })

  it('tells texts apart that differ in one byte or in trailing zero bytes', () => {
    const cache = new StringCache()
    for (let round = 0; round < 2; round++)
      for (const text of [
        '',
        'a',
        'a\0',
        'a\0\0',
        'a\0\0\0',
        'a\0\0\0\0',
        'abcd',
        'abce',
        'abcdefgh',
        'abcdefgi',
        'bbcdefgh',
      ])
        assert.equal(take(cache, text), text)
  })

  it('stands aside while strings do not come again, and comes back', () => {
    const cache = new StringCache()
    for (let i = 0; i < 4000; i++) assert.equal(take(cache, `s${i}`), `s${i}`)
    assert.equal(cache.standsAside, true)
    for (let i = 0; i < 80_000; i++) assert.equal(take(cache, `t${i & 7}`), `t${i & 7}`)
    assert.equal(cache.standsAside, false)
  })
})
