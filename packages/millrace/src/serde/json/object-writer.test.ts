import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KeyBuffer } from '../sink.ts'
import { ObjectWriter } from './object-writer.ts'
import { anyText } from './records.test.ts'

/** What the writer writes of a value, or what `JSON.stringify` does where the writer leaves it to that. */
function written(writer: ObjectWriter, value: unknown): string | undefined {
  const sink = new KeyBuffer(8)
  sink.ensure(3)
  sink.position = 3
  if (!writer.write(sink, value)) {
    assert.equal(sink.position, 3, 'nothing is written of a value that is refused')
    return JSON.stringify(value)
  }
  return sink.buffer.toString('utf8', 3, sink.position)
}

function writes(writer: ObjectWriter, value: unknown): boolean {
  return writer.write(new KeyBuffer(), value)
}

describe('a writer of objects', () => {
  it('equals JSON.stringify, whatever objects come one after the other', () => {
    const content = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.nat(1e9).map(n => n / 1000),
      fc.boolean(),
      anyText(),
      fc.string({ maxLength: 100 }),
      fc.anything({ withDate: true, withTypedArray: true }),
      fc.constantFrom<unknown>(undefined, null, () => 1, Symbol('s'), new Date(0), '\ud800', 'a"b\\c\n', 'ü'),
      fc.constant({ toJSON: (name: string) => `as ${name}` }),
    )
    const name = fc.oneof(fc.constantFrom('a', 'b', '1', 'toJSON', '__proto__', 'ü'), anyText())
    const object = fc.dictionary(name, content, { maxKeys: 6, noNullPrototype: false })
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 8 }), objects => {
        const writer = new ObjectWriter()
        for (const value of [...objects, ...objects])
          assert.equal(written(writer, value), JSON.stringify(value))
      }),
      { numRuns: 500 },
    )
  })

  it('equals String for numbers with few decimals and their neighbours', () => {
    const writer = new ObjectWriter()
    const near = fc
      .tuple(fc.integer({ min: -1e15, max: 1e15 }), fc.constantFrom(-1, 0, 1), fc.nat(6))
      .map(([whole, step, digits]) => {
        const n = whole / 10 ** digits
        return n + step * Math.abs(n) * Number.EPSILON
      })
    fc.assert(
      fc.property(
        fc.oneof(
          near,
          fc.nat(1e8).map(price => price * 0.908),
          fc.double(),
        ),
        n => assert.equal(written(writer, { n }), JSON.stringify({ n })),
      ),
      { numRuns: 20_000 },
    )
  })

  it('takes objects of a few shapes, and leaves all others to JSON.stringify', () => {
    const writer = new ObjectWriter()
    assert.ok(writes(writer, { a: 1, b: 'x' }))
    assert.ok(writes(writer, { b: 'x', a: 1 }), 'another order is another shape')
    assert.ok(writes(writer, { a: 1 }))
    for (const other of [[1], new Date(0), null, 'text', {}, Object.create({ a: 1 }), new (class A {})()])
      assert.ok(!writes(writer, other), `${JSON.stringify(other)} is no plain object`)
    assert.ok(writes(writer, { c: 1 }))
    assert.ok(!writes(writer, { d: 1 }), 'a fifth shape')
    assert.ok(writes(writer, { a: 2, b: 'y' }))
  })

  it('stands aside where hardly any object is of a shape that came before', () => {
    const writer = new ObjectWriter()
    assert.ok(writes(writer, { a: 1 }))
    for (let i = 0; i < 200; i++) writes(writer, { [`m${i}`]: 1 })
    assert.ok(!writes(writer, { a: 1 }), 'it pauses')
    for (let i = 0; i < 5_000; i++) writes(writer, { a: 1 })
    assert.ok(writes(writer, { a: 1 }), 'and tries again')
  })

  it('throws what JSON.stringify throws, and has written nothing then', () => {
    const writer = new ObjectWriter()
    const sink = new KeyBuffer()
    assert.ok(writer.write(sink, { a: 1, b: 2 }))
    const before = sink.position
    const circle: { a: number; b?: unknown } = { a: 1 }
    circle.b = circle
    assert.throws(() => writer.write(sink, circle), TypeError)
    assert.throws(() => writer.write(sink, { a: 1, b: 1n }), TypeError)
    assert.equal(sink.position, before)
  })

  it('leaves everything to JSON.stringify where no code may be made', () => {
    assert.ok(!writes(new ObjectWriter({ generate: false }), { a: 1 }))
  })
})
