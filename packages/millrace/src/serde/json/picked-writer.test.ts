import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KeyBuffer } from '../sink.ts'
import { pickedMembers } from './picked.ts'
import { compilePickedWriter, type RowTexts } from './picked-writer.ts'
import { compileProjection, decodeWhole } from './projection.ts'

type Any = any

const fields = ['a', 'b', 'ä']
const pick = (v: Any, row: Any) => ({
  a: v.a,
  'and "ä"': v.ä,
  row: row.text,
  b: v.b ?? 'none',
  again: v.a,
  last: row.text,
})
const members = pickedMembers(pick)!
/** What the two runs of the row are. */
const runs = [',"row":"of the row"', ',"last":"of the row"']
const bytes = Buffer.from(`${runs.join('')}${' '.repeat(8)}`)
const row: RowTexts = {
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  bounds: Int32Array.from([99, 0, runs[0]!.length, runs.join('').length]),
}

function writer() {
  const projection = compileProjection(fields)
  const write = compilePickedWriter(members, fields, projection)
  return (record: Buffer): string | undefined => {
    const sink = new KeyBuffer(8)
    sink.ensure(3)
    sink.buffer.write('>> ', 0)
    sink.position = 3
    const buffer = Buffer.concat([Buffer.alloc(5, 34), record, Buffer.alloc(64, 34)])
    const view = projection.viewAt(buffer, 5, 5 + record.length)
    if (view === undefined || !write(sink, buffer as never, view, row, 1)) {
      assert.equal(sink.position, 3)
      return undefined
    }
    assert.equal(sink.buffer.toString('utf8', 0, 3), '>> ')
    return sink.buffer.toString('utf8', 3, sink.position)
  }
}

const expected = (record: Buffer) =>
  JSON.stringify(pick(decodeWhole(record, 0, record.length), { text: 'of the row' }))

describe('what is picked of a record', () => {
  const texts = [
    '{"a":1,"b":"x","ä":true}',
    '{"a":1,"b":"x","ä":false,"other":[1,{"a":2}]}',
    '{"b":null,"a":null}',
    '{}',
    '{"a":1e21,"b":-0}',
    '{"a":1e2,"b":12e2}',
    '{"a":1E2,"b":1.0}',
    '{"a":0,"b":-7}',
    '{"a":9007199254740993,"b":123456789012345678901234567890}',
    '{"a":999999999999999,"b":9999999999999999}',
    '{"a":1e999,"b":-1e999}',
    '{"a":0.1,"b":19.95}',
    '{"a":5e-324,"b":1.7976931348623157e308}',
    '{"a":"\\u0041\\/\\n","b":"\\ud800"}',
    '{"a":"ä€😀","b":"\u007f"}',
    '{"a":"","b":"exactly8"}',
    '{"a":1,"a":"the last one","b":2}',
    '{"__proto__":{"a":1},"b":2}',
    ' { "a" : 1 , "b" : "x" } ',
    `{"a":"${'long '.repeat(500)}","b":"${'ö'.repeat(500)}"}`,
  ]
  for (const text of texts)
    it(`is what JSON.stringify writes of it: ${text.slice(0, 60)}`, () => {
      const write = writer()
      const record = Buffer.from(text)
      // Once by the scanner, and then by the layout that was learned.
      for (let i = 0; i < 3; i++) assert.equal(write(record), expected(record))
    })

  it('is what JSON.stringify writes of bytes that are no text', () => {
    const record = Buffer.concat([Buffer.from('{"a":"x'), Buffer.from([0xff, 0xc3]), Buffer.from('","b":1}')])
    assert.equal(writer()(record), expected(record))
  })

  it('has to be made where a member is an object or a list, and where the record is no object or escapes a name', () => {
    const write = writer()
    for (const text of ['{"a":{},"b":1}', '{"a":1,"b":[]}', '[1]', '7', '"a"', 'null', '{"\\u0061":1}'])
      assert.equal(write(Buffer.from(text)), undefined, text)
  })

  it('is what JSON.stringify writes of random records', () => {
    const write = writer()
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constantFrom(null, -0, 1e21, 2 ** 53 + 2, 0.001, 1234.5),
    )
    const record = fc.dictionary(fc.constantFrom(...fields, 'other', 'constructor'), value)
    fc.assert(
      fc.property(record, fc.boolean(), (v, pretty) => {
        const bytes = Buffer.from(JSON.stringify(v, undefined, pretty ? 1 : undefined))
        assert.equal(write(bytes), expected(bytes))
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('a record that has been scanned', () => {
  it('is scanned again where another one was scanned since', () => {
    const projection = compileProjection(['a'])
    const buffer = Buffer.concat([Buffer.from('{"a":1}{"a":2}'), Buffer.alloc(64)])
    assert.ok(projection.viewAt(buffer, 0, 7))
    assert.equal(projection.value(0), 1)
    assert.ok(projection.viewAt(buffer, 7, 14))
    assert.equal(projection.value(0), 2)
    assert.ok(projection.viewAt(buffer, 0, 7))
    assert.equal(projection.value(0), 1)
    const other = Buffer.concat([Buffer.from('{"a":3}'), Buffer.alloc(64)])
    assert.ok(projection.viewAt(other, 0, 7))
    assert.equal(projection.value(0), 3)
  })

  it('is no object after one that could not be read', () => {
    const projection = compileProjection(['a'])
    const buffer = Buffer.concat([Buffer.from('[1]'), Buffer.alloc(64)])
    for (let i = 0; i < 2; i++) assert.equal(projection.viewAt(buffer, 0, 3), undefined)
  })

  it('gives an object without the members that are only scanned, and one with all of them', () => {
    const projection = compileProjection(['a', 'b'], { scannedOnly: new Set(['a']) })
    const buffer = Buffer.concat([Buffer.from('{"a":1,"b":2}'), Buffer.alloc(64)])
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(projection.decode(buffer, 0, 13), { b: 2 })
      assert.deepEqual(projection.decodeAll(buffer, 0, 13), { a: 1, b: 2 })
    }
    const plain = compileProjection(['a', 'b'], { generate: false, scannedOnly: new Set(['a']) })
    assert.deepEqual(plain.decode(buffer, 0, 13), { b: 2 })
  })
})
