import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { batchInfo, isPadded, setBaseOffset, splitBatches } from './batch.ts'
import { type Codec, gzip, zstd } from './compression.ts'
import { crc32c } from './crc32c.ts'
import { RecordCursor } from './cursor.ts'
import { CorruptBatchError, RecordTooLargeError, UnsupportedCodecError } from './errors.ts'
import { encodeHeaders, type Header, readHeaders } from './headers.ts'
import { AT, writeInt32 } from './layout.ts'
import type { FinishOptions } from './seal.ts'
import { BatchWriter, type WriterOptions } from './writer.ts'

interface Plain {
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text))
const DAY_MS = 86_400_000
const SAMPLE: readonly Plain[] = [
  { timestamp: 1000, key: bytes('k'), value: bytes('one'), headers: [] },
  { timestamp: 1000 + 30 * DAY_MS, key: null, value: bytes('two'), headers: [{ key: 'h', value: null }] },
  { timestamp: 900, key: bytes(''), value: null, headers: [{ key: 'ü', value: bytes('x') }] },
]

function write(records: readonly Plain[], options: WriterOptions & FinishOptions = {}): Uint8Array {
  const writer = new BatchWriter(options)
  for (const { timestamp, key, value, headers } of records) {
    const h = headers.length === 0 ? null : encodeHeaders(headers)
    writer.append(timestamp, key, 0, key?.length ?? 0, value, 0, value?.length ?? 0, h, 0, h?.length ?? 0)
  }
  return writer.finish(options)
}

/** The same records through `beginRecord` and `endRecord`. */
function writeInPlace(records: readonly Plain[]): Uint8Array {
  const writer = new BatchWriter({ initialBytes: 256 })
  for (const { timestamp, key, value, headers } of records) {
    const h = headers.length === 0 ? null : encodeHeaders(headers)
    const at = writer.beginRecord(timestamp, key, 0, key?.length ?? 0, 1)
    writer.ensure(at, value!.length)
    writer.buffer.set(value!, at)
    writer.endRecord(at + value!.length, h, 0, h?.length ?? 0)
  }
  return writer.finish()
}

function read(batch: Uint8Array, cursor = new RecordCursor()): Plain[] {
  cursor.open(batch)
  const records: Plain[] = []
  while (cursor.next()) {
    const range = (start: number, end: number) =>
      start < 0 ? null : new Uint8Array(cursor.buffer.subarray(start, end))
    const headers = readHeaders(cursor.buffer, cursor.headersStart, cursor.headersEnd)
    assert.equal(headers.length, cursor.headerCount)
    assert.ok(cursor.buffer.length >= Math.max(cursor.valueEnd, cursor.keyEnd, cursor.headersEnd) + 64)
    records.push({
      timestamp: cursor.timestamp,
      key: range(cursor.keyStart, cursor.keyEnd),
      value: range(cursor.valueStart, cursor.valueEnd),
      headers: headers.map(({ key, value }) => ({ key, value: value && new Uint8Array(value) })),
    })
  }
  return records
}

/** Puts the right CRC on a batch whose bytes were changed on purpose. */
function signed(batch: Uint8Array): Uint8Array {
  writeInt32(batch, AT.crc, crc32c(batch, AT.attributes, batch.length))
  return batch
}

const someBytes = fc.uint8Array({ maxLength: 300 })
const header = fc.record(
  { key: fc.string({ unit: 'grapheme', maxLength: 9 }), value: fc.option(someBytes) },
  { noNullPrototype: true },
)
const someTime = fc.oneof(
  fc.integer({ min: -1, max: 2 ** 40 }),
  fc.integer({ min: 1.7e12, max: 1.7e12 + 1000 }),
)
const longBytes = fc.uint8Array({ minLength: 8000, maxLength: 9000 })
const plain: fc.Arbitrary<Plain> = fc.record(
  {
    timestamp: someTime,
    key: fc.option(someBytes),
    value: fc.option(fc.oneof(someBytes, longBytes)),
    headers: fc.array(header, { maxLength: 3 }),
  },
  { noNullPrototype: true },
)

describe('a record batch', () => {
  it('is laid out as Kafka does it', () => {
    const batch = write(
      [
        { timestamp: 1_700_000_000_000, key: bytes('k'), value: bytes('v'), headers: [] },
        { ...SAMPLE[1]!, timestamp: 1_700_000_000_000 + 30 * DAY_MS, value: null },
      ],
      { baseOffset: 5, producerId: 9, producerEpoch: 2, baseSequence: 7, transactional: true },
    )
    const expected = `
      0000000000000005 00000048 ffffffff 02 CRC
      0010 00000001 0000018bcfe56800 0000018c6a643000 0000000000000009 0002 00000007 00000002
      10 00 00 00 02 6b 02 76 00
      1a 00 80a0f6a713 02 01 01 02 02 68 01`
    const hex = Buffer.from(batch).toString('hex')
    assert.equal(hex.replace(hex.slice(2 * AT.crc, 2 * AT.attributes), 'CRC'), expected.replaceAll(/\s/g, ''))
  })

  it('gives back any records, appended or written in place, compressed or not', () => {
    const cursor = new RecordCursor()
    fc.assert(
      fc.property(
        fc.array(plain, { minLength: 1, maxLength: 20 }),
        fc.constantFrom(undefined, gzip, zstd),
        (records, compression) => {
          assert.deepEqual(read(write(records, { compression, initialBytes: 256 }), cursor), records)
          const valued = records.map(record => ({ ...record, value: record.value ?? bytes('') }))
          assert.deepEqual(read(writeInPlace(valued), cursor), valued)
          assert.deepEqual(Buffer.from(writeInPlace(valued)), Buffer.from(write(valued)))
        },
      ),
      { numRuns: 300, endOnFailure: true },
    )
  })

  it('spans more than 24.8 days, back and forth', () => {
    assert.deepEqual(read(write(SAMPLE)), SAMPLE)
    assert.equal(batchInfo(write(SAMPLE)).maxTimestamp, 1000 + 30 * DAY_MS)
  })

  it('refuses a time that lies 2^52 ms from the first', () => {
    const writer = new BatchWriter()
    writer.append(0, null, 0, 0, null, 0, 0)
    assert.throws(() => writer.append(2 ** 52, null, 0, 0, null, 0, 0), RangeError)
    writer.append(2 ** 52 - 1, null, 0, 0, null, 0, 0)
    assert.deepEqual(
      read(writer.finish()).map(record => record.timestamp),
      [0, 2 ** 52 - 1],
    )
  })

  it('gives every record the append time when it says so', () => {
    assert.deepEqual(
      read(write(SAMPLE, { logAppendTimeMs: 777 })).map(record => record.timestamp),
      [777, 777, 777],
    )
  })

  it('may be a control batch of a transaction', () => {
    const marker = {
      timestamp: 1,
      key: Uint8Array.of(0, 0, 0, 1),
      value: Uint8Array.of(0, 0, 0, 0, 0, 3),
      headers: [],
    }
    const batch = write([marker], {
      control: true,
      transactional: true,
      producerId: 2 ** 40,
      producerEpoch: 3,
    })
    const cursor = new RecordCursor()
    cursor.open(batch)
    assert.deepEqual(
      [cursor.isControl, cursor.isTransactional, cursor.producerId, cursor.producerEpoch],
      [true, true, 2 ** 40, 3],
    )
    assert.equal(batchInfo(batch).isControl, true)
  })

  it('may have lost records, or all of them, to compaction', () => {
    const writer = new BatchWriter()
    writer.skipOffsets(2)
    writer.append(5, null, 0, 0, bytes('x'), 0, 1)
    writer.skipOffsets(3)
    const cursor = new RecordCursor()
    cursor.open(writer.finish({ baseOffset: 10 }))
    assert.ok(cursor.next())
    assert.deepEqual([cursor.offset, cursor.lastOffset, cursor.next()], [12, 15, false])
    writer.skipOffsets(4)
    cursor.open(writer.finish({ baseOffset: 100 }))
    assert.deepEqual([cursor.recordCount, cursor.lastOffset, cursor.next()], [0, 103, false])
  })

  it('cannot be finished without records and offsets', () => {
    assert.throws(() => new BatchWriter().finish(), RangeError)
  })

  it('takes another base offset without another CRC', () => {
    const batch = write(SAMPLE)
    setBaseOffset(batch, 2 ** 40 + 7)
    const cursor = new RecordCursor()
    cursor.open(batch)
    cursor.next()
    assert.deepEqual([cursor.offset, cursor.lastOffset], [2 ** 40 + 7, 2 ** 40 + 9])
  })

  it('lies in memory of its own, with 64 bytes behind it', () => {
    const writer = new BatchWriter()
    for (const size of [10, 60_000, 200_000]) {
      writer.append(1, null, 0, 0, new Uint8Array(size), 0, size)
      const batch = writer.finish()
      assert.ok(isPadded(batch))
      const copy = Buffer.from(batch)
      writer.append(2, null, 0, 0, new Uint8Array(size).fill(9), 0, size)
      writer.finish()
      assert.ok(copy.equals(batch))
    }
  })
})

describe('limits of a writer', () => {
  const append = (writer: BatchWriter, size: number) =>
    writer.append(1, null, 0, 0, new Uint8Array(size), 0, size)

  it('ask for another batch before they are passed', () => {
    const writer = new BatchWriter({ maxBytes: 1000 })
    assert.equal(append(writer, 600), true)
    assert.equal(append(writer, 600), false)
    assert.equal(writer.count, 1)
    assert.equal(read(writer.finish()).length, 1)
    assert.equal(append(writer, 600), true)
    const at = writer.beginRecord(1, null, 0, 0, 600)
    assert.equal(writer.endRecord(at + 600), false)
    assert.equal(append(writer, 100), true)
    const batch = writer.finish()
    assert.ok(batch.length <= 1000)
    assert.deepEqual(
      read(batch).map(record => record.value!.length),
      [600, 100],
    )
  })

  it('refuse a record that fits no batch, and go on', () => {
    const writer = new BatchWriter({ maxBytes: 1000 })
    assert.throws(() => append(writer, 1000), RecordTooLargeError)
    const at = writer.beginRecord(1, null, 0, 0, 1000)
    assert.throws(() => writer.endRecord(at + 1000), RecordTooLargeError)
    assert.equal(append(writer, 10), true)
    assert.equal(read(writer.finish()).length, 1)
  })
})

describe('a damaged record batch', () => {
  const cursor = new RecordCursor()
  const refused = (batch: Uint8Array, what: string) =>
    assert.throws(() => read(batch, cursor), CorruptBatchError, what)

  it('is refused when it is cut off at any byte, or too long', () => {
    const batch = write(SAMPLE)
    for (let length = 0; length < batch.length; length++) refused(batch.slice(0, length), `${length} bytes`)
    refused(Uint8Array.from([...batch, 0]), 'one byte more')
  })

  for (const [name, compression] of [
    ['plain', undefined],
    ['gzip', gzip],
    ['zstd', zstd],
  ] as const) {
    it(`is refused for any flipped bit of length, magic, CRC and what the CRC covers (${name})`, () => {
      const batch = write(SAMPLE, { compression })
      for (let at = AT.batchLength; at < batch.length; at++) {
        if (at >= AT.leaderEpoch && at < AT.magic) continue
        for (let bit = 0; bit < 8; bit++) {
          const flipped = Uint8Array.from(batch)
          flipped[at]! ^= 1 << bit
          refused(flipped, `byte ${at} bit ${bit}`)
        }
      }
    })
  }

  it('is refused, or read as something sound, when its writer got the CRC right but the records wrong', () => {
    const batch = write(SAMPLE)
    for (let at: number = AT.lastOffsetDelta; at < batch.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Uint8Array.from(batch)
        changed[at]! ^= 1 << bit
        try {
          assert.ok(read(signed(changed), cursor).length <= 3)
        } catch (error) {
          assert.ok(error instanceof CorruptBatchError, `byte ${at} bit ${bit}: ${error}`)
        }
      }
    }
  })

  it('says what is wrong, and where', () => {
    const batch = write(SAMPLE)
    assert.throws(() => read(batch.slice(0, 30)), /30 bytes are less than a batch header \(byte 0\)/)
    const old = Uint8Array.from(batch)
    old[AT.magic] = 1
    assert.throws(() => read(old), /magic 1, only 2 can be read \(byte 16\)/)
    const wrong = Uint8Array.from(batch)
    wrong[AT.records] = 4
    assert.throws(() => read(signed(wrong)), /a record of 2 bytes in record 1 of 3/)
  })

  it('leaves the cursor usable, and without records', () => {
    const batch = write(SAMPLE)
    cursor.open(batch)
    cursor.next()
    assert.throws(() => cursor.open(batch.slice(0, 70)), CorruptBatchError)
    assert.equal(cursor.next(), false)
    assert.deepEqual(read(batch, cursor), SAMPLE)
  })
})

describe('compressed records', () => {
  it('that unpack to more than the limit are refused', () => {
    const batch = write([{ timestamp: 1, key: null, value: new Uint8Array(100_000), headers: [] }], {
      compression: gzip,
    })
    assert.throws(
      () => read(batch, new RecordCursor({ maxDecompressedBytes: 50_000 })),
      /at most 50000 bytes/,
    )
    const small = write([{ timestamp: 1, key: null, value: new Uint8Array(100_000), headers: [] }], {
      compression: zstd,
    })
    assert.throws(() => read(small, new RecordCursor({ maxDecompressedBytes: 50_000 })), CorruptBatchError)
  })

  it('with a codec that is not here are named, not misread', () => {
    const lz4: Codec = { id: 3, name: 'lz4', compress: block => block, decompress: block => block }
    const batch = write(SAMPLE, { compression: lz4 })
    assert.throws(
      () => read(batch),
      (error: Error) => error instanceof UnsupportedCodecError && /lz4.*gzip, zstd/.test(error.message),
    )
    assert.deepEqual(read(batch, new RecordCursor({ codecs: [lz4] })), SAMPLE)
  })
})

describe('RecordCursor.rewind', () => {
  it('gives the records behind a mark again, with every field as before', () => {
    const cursor = new RecordCursor()
    cursor.open(write(SAMPLE))
    cursor.next()
    const { mark, left } = cursor
    const behind = () => {
      const seen: unknown[] = []
      while (cursor.next()) seen.push([cursor.offset, cursor.timestamp, cursor.keyStart, cursor.valueEnd])
      return seen
    }
    const first = behind()
    cursor.rewind(mark, left)
    assert.deepEqual(behind(), first)
    assert.equal(first.length, 2)
  })
})

describe('BatchWriter.startAt', () => {
  it('counts times from elsewhere than the first record, for one batch', () => {
    const now = 1_700_000_000_000
    const writer = new BatchWriter()
    const fill = () => {
      for (const time of [0, now, now + 5]) writer.append(time, null, 0, 0, bytes('v'), 0, 1)
      return writer.finish()
    }
    const plain = fill()
    writer.startAt(now)
    const started = fill()
    const again = fill()
    for (const batch of [plain, started, again]) {
      assert.deepEqual(
        read(batch).map(({ timestamp }) => timestamp),
        [0, now, now + 5],
      )
      assert.equal(batchInfo(batch).maxTimestamp, now + 5)
    }
    assert.ok(started.length < plain.length)
    assert.equal(again.length, plain.length)
  })
})

describe('readHeaders', () => {
  it('copies the values, also out of a Buffer', () => {
    const section = Buffer.from(encodeHeaders([{ key: 'h', value: bytes('x') }]))
    const headers = readHeaders(section, 0, section.length)
    section.fill(0)
    assert.deepEqual(headers, [{ key: 'h', value: bytes('x') }])
  })
})

describe('splitBatches', () => {
  it('cuts whole batches apart and leaves a cut-off one out', () => {
    const [a, b] = [write(SAMPLE), write(SAMPLE.slice(0, 1))]
    const joined = new Uint8Array([...a, ...b, ...a.subarray(0, 80)])
    assert.deepEqual(
      splitBatches(joined).map(batch => batch.length),
      [a.length, b.length],
    )
    assert.deepEqual(
      splitBatches(joined).map(batch => read(batch).length),
      [3, 1],
    )
  })
})
