import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '../std/random.ts'
import { crc32c, crc32cByTables, crc32cChanged } from './crc32c.ts'
import { crcTables } from './crc32c-tables.ts'
import { wasmCrc } from './crc32c-wasm.ts'

/** The definition, bit by bit. */
function slowCrc(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1
  for (let at = start; at < end; at++) {
    crc ^= bytes[at]!
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}

const random = seededRandom(7)
const bytes = Uint8Array.from({ length: 700_000 }, () => random() * 256)

describe('crc32c', () => {
  it('gives the check value of the standard', () => {
    assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283)
    assert.equal(crc32c(new Uint8Array(32), 0, 32), 0x8a9136aa)
    assert.equal(crc32c(new Uint8Array(32).fill(255), 0, 32), 0x62a8ab43)
    assert.equal(crc32c(new Uint8Array(0), 0, 0), 0)
  })

  it('of bytes with a change in front is found from the one before, however many follow', () => {
    for (const rest of [0, 1, 2, 7, 63, 64, 1000, 65_536, 600_001]) {
      for (const [start, end] of [
        [0, 1],
        [5, 45],
        [3, 1000],
      ] as const) {
        const changed = bytes.slice(0, end + rest)
        const before = crc32c(changed, start, end + rest)
        const was = changed.slice(start, end)
        for (let i = start; i < end; i += 3) changed[i] = random() * 256
        const after = crc32c(changed, start, end + rest)
        assert.equal(crc32cChanged(before, was, changed, start, end, rest), after, `${start} ${end} ${rest}`)
        assert.notEqual(crc32cChanged(before ^ 1, was, changed, start, end, rest), after)
      }
    }
  })

  it('agrees with the definition at every length around each change of method', () => {
    const lengths = [
      ...Array.from({ length: 300 }, (_, i) => i),
      ...Array.from({ length: 40 }, (_, i) => 3344 - 20 + i),
      ...Array.from({ length: 40 }, (_, i) => 6688 - 20 + i),
      ...Array.from({ length: 20 }, (_, i) => 307_200 - 10 + i),
      620_011,
    ]
    for (const length of lengths) {
      const start = length % 13
      assert.equal(
        crc32c(bytes, start, start + length),
        slowCrc(bytes, start, start + length),
        `${length} bytes`,
      )
    }
  })

  it('gives the same in WebAssembly and by tables, whatever was computed before', () => {
    const inWasm = wasmCrc(crcTables())!
    for (let i = 0; i < 200; i++) {
      const start = Math.floor(random() * 1000)
      const end = start + Math.floor(random() * 30_000)
      assert.equal(inWasm(-1, bytes, start, end), crc32cByTables(-1, bytes, start, end))
    }
  })
})
