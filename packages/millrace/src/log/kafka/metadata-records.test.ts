import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { decodeMetadata } from '../../engine/metadata.ts'
import { RecordCursor } from '../../record/cursor.ts'
import type { CommittedPosition, OutgoingBatch } from '../log.ts'
import { besideBytesMaxDefault, decodePlace, encodePlace, isLarge } from './metadata-place.ts'
import { packPositions } from './metadata-records.ts'
import { partitionKey } from './partition-key.ts'

const nowMs = 1_700_000_000_000

/** Brokers as far as this goes: partitions with records, of which compaction keeps the newest of each key, and positions. */
class Store {
  readonly #partitions = Array.from({ length: 3 }, () => ({
    end: 0,
    records: new Map<number, { key: string; value: Buffer }>(),
  }))
  readonly committed = new Map<string, CommittedPosition>()

  /** Writes what belongs to positions, and these only where the commit succeeds. */
  commit(positions: readonly CommittedPosition[], succeeds: boolean): readonly CommittedPosition[] {
    const { batches, positionsAt } = packPositions('g', positions, {
      besideBytesMax: besideBytesMaxDefault,
      partitions: this.#partitions.length,
      nowMs,
      slotOf: place =>
        decodePlace(this.committed.get(partitionKey(place))?.metadata ?? new Uint8Array(0))?.slot,
    })
    const written = positionsAt(batches.map(batch => this.#append(batch)))
    if (succeeds) for (const position of written) this.committed.set(partitionKey(position), position)
    return written
  }

  #append({ partition, bytes }: OutgoingBatch): number {
    const place = this.#partitions[partition]!
    const cursor = new RecordCursor()
    cursor.open(bytes)
    const base = place.end
    while (cursor.next()) {
      const { buffer, keyStart, keyEnd, valueStart, valueEnd } = cursor
      const key = buffer.toString('utf8', keyStart, keyEnd)
      place.records.set(base + cursor.offset, {
        key,
        value: Buffer.from(buffer.subarray(valueStart, valueEnd)),
      })
      place.end = base + cursor.offset + 1
    }
    return base
  }

  compact(): void {
    for (const { records } of this.#partitions) {
      const newest = new Map([...records].map(([offset, { key }]) => [key, offset]))
      for (const [offset, { key }] of records) if (newest.get(key) !== offset) records.delete(offset)
    }
  }

  /** What a position was committed with, undefined where that is gone. */
  metadataOf({ metadata }: CommittedPosition): Uint8Array | undefined {
    const place = decodePlace(metadata)
    if (place === undefined) return metadata
    return this.#partitions[place.partition]!.records.get(place.offset)?.value
  }

  get records(): number {
    return this.#partitions.reduce((sum, { records }) => sum + records.size, 0)
  }
}

/** Sizes around the limit, far beyond it, and more than one batch takes together. */
const size = fc.oneof(
  fc.nat(10),
  fc.integer({ min: 2300, max: 2310 }),
  fc.integer({ min: 5000, max: 90_000 }),
)
const metadata = fc
  .tuple(size, fc.nat(255))
  .map(([bytes, fill]) => Uint8Array.from({ length: bytes }, (_, i) => (fill + i * i) & 255))
const commit = fc.record({
  succeeds: fc.boolean(),
  compacts: fc.boolean(),
  metadata: fc.array(metadata, { minLength: 1, maxLength: 6 }),
})

function positionsOf(all: readonly Uint8Array[], offset: number): CommittedPosition[] {
  return all.map((each, i) => ({ topic: `t${i % 2}`, partition: i, offset, metadata: each }))
}

describe('[2.1] metadata that does not fit beside a position', () => {
  it('is found again by what stands there, after any course of commits, failures and compactions', () => {
    fc.assert(
      fc.property(fc.array(commit, { maxLength: 12 }), commits => {
        const store = new Store()
        const expected = new Map<string, Uint8Array>()
        for (const [i, { succeeds, compacts, metadata }] of commits.entries()) {
          const positions = positionsOf(metadata, i)
          for (const { metadata: beside } of store.commit(positions, succeeds))
            assert.ok(Buffer.from(beside).toString('base64').length <= 3072)
          if (succeeds) for (const each of positions) expected.set(partitionKey(each), each.metadata)
          if (compacts) store.compact()
          for (const [key, position] of store.committed)
            assert.ok(Buffer.compare(store.metadataOf(position)!, expected.get(key)!) === 0, key)
        }
        store.compact()
        assert.ok(store.records <= 2 * 6, 'two records of each position stay')
      }),
      { numRuns: 60 },
    )
  })

  it('leaves what fits where it is, and makes no record of it', () => {
    const positions = positionsOf([new Uint8Array(0), new Uint8Array(2304), Uint8Array.of(3, 254)], 1)
    const { batches, positionsAt } = packPositions('g', positions, {
      besideBytesMax: besideBytesMaxDefault,
      partitions: 4,
      nowMs,
      slotOf: () => undefined,
    })
    assert.deepEqual(batches, [])
    assert.deepEqual(positionsAt([]), positions)
  })

  it('is a record too where it could be taken for a place', () => {
    const position = { topic: 't', partition: 0, offset: 1 }
    const place = { slot: 0, partition: 1, offset: 2 ** 40, length: 70_000, crc: 0xffff_ffff } as const
    const metadata = encodePlace(place)
    assert.deepEqual(decodePlace(metadata), place)
    assert.ok(isLarge(metadata, besideBytesMaxDefault))
    const store = new Store()
    const [written] = store.commit([{ ...position, metadata }], true)
    assert.deepEqual(Uint8Array.from(store.metadataOf(written!)!), metadata)
  })

  it('is refused by a Millrace that does not know of it, as a newer form of it is by this one', () => {
    const metadata = encodePlace({ slot: 1, partition: 3, offset: 70, length: 5_000, crc: 1 })
    assert.throws(() => decodeMetadata(metadata), /version 254.*run the newer Millrace/)
    metadata[1] = 2
    assert.throws(() => decodePlace(metadata), { code: 'layout', message: /form 2.*run the newer Millrace/ })
  })
})
