import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeMetadata, encodeMetadata, type InputMetadata } from './metadata.ts'

const t0 = Date.UTC(2026, 0, 1)

const time = fc.oneof(
  fc.constantFrom(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
  fc.integer({ min: t0, max: t0 + 100_000 }),
  fc.double({ noNaN: true }),
  fc.maxSafeInteger(),
)
const name = fc.oneof(
  fc.tuple(fc.constantFrom('hits', 'a/b+c', ''), fc.nat(12)).map(([sub, n]) => `${sub}/${n}`),
  fc.constantFrom('source:hits', 'x/007', 'x/1000000000000', '7', '', 'größe/3'),
  fc.string({ unit: 'binary', maxLength: 8 }).map(text => text.toWellFormed()),
)
const plain = { noNullPrototype: true } as const
const end = fc.record({ no: fc.oneof(fc.nat(2), fc.maxSafeNat()), forGood: fc.boolean() }, plain)
const channel = fc.record(
  { name, maxTime: time, watermark: time, released: fc.boolean(), end },
  { requiredKeys: ['name', 'maxTime', 'watermark', 'released'], ...plain },
)
const metadata: fc.Arbitrary<InputMetadata> = fc.record(
  {
    channels: fc.array(channel),
    task: fc.record(
      {
        watermark: time,
        settled: time,
        commits: fc.nat(),
        ticks: fc.array(fc.record({ watermark: time, atMs: fc.nat() }, plain), { maxLength: 3 }),
      },
      plain,
    ),
  },
  { requiredKeys: ['channels'], ...plain },
)

/** As version 1 wrote it: a name, two doubles and a byte for each channel. */
function version1({ name, maxTime, watermark, released }: InputMetadata['channels'][number]): Buffer {
  const bytes = Buffer.alloc(3 + 2 + name.length + 17 + 1)
  bytes.writeUInt8(1, 0)
  bytes.writeUInt16BE(1, 1)
  bytes.writeUInt16BE(name.length, 3)
  const at = 5 + bytes.write(name, 5, 'latin1')
  bytes.writeDoubleBE(maxTime, at)
  bytes.writeDoubleBE(watermark, at + 8)
  bytes.writeUInt8(released ? 1 : 0, at + 16)
  return bytes
}

describe('[2.1] the metadata of a position', () => {
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(metadata, given => {
        const encoded = encodeMetadata(given)
        assert.deepEqual(decodeMetadata(encoded), given)
        // A log gives them back somewhere within its own memory.
        const inside = Buffer.concat([Buffer.from('???'), encoded]).subarray(3)
        assert.deepEqual(decodeMetadata(inside), given)
      }),
    )
  })

  it('of 500 upstream tasks stays below 3 KiB of text', () => {
    const channels = Array.from({ length: 500 }, (_, i) => ({
      name: `page-views/${i}`,
      maxTime: Number.NEGATIVE_INFINITY,
      watermark: t0 + ((i * 7_919) % 60) * 100,
      released: i % 17 === 0,
      end: { no: t0, forGood: false },
    }))
    const task = { watermark: t0, settled: t0, commits: 1_000_000, ticks: [{ watermark: t0, atMs: t0 }] }
    const text = Buffer.from(encodeMetadata({ channels, task })).toString('base64')
    assert.ok(text.length <= 3 * 1024, `${text.length} characters`)
  })

  it('of version 1 is read, of a newer one refused', () => {
    const channel = { name: 'hits/3', maxTime: t0, watermark: t0 - 5, released: true }
    assert.deepEqual(decodeMetadata(version1(channel)), { channels: [channel] })
    const [first] = encodeMetadata({ channels: [channel] })
    assert.equal(first, 2, 'what has no end is for older code, too')
    assert.throws(
      () => decodeMetadata(Uint8Array.of(9)),
      /has version 9, this Millrace reads 3: run the newer Millrace/,
    )
  })
})
