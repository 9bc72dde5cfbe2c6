import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { anyText } from './records.test.ts'
import { type ByteSink, stringifyInto } from './sink.ts'
import { compileRowWriter, type RowMember } from './writer.ts'

/** Grows by exactly what is asked for, so that a writer that asks for too little is caught. */
function tightSink(): ByteSink & { text(): string } {
  return {
    buffer: Buffer.alloc(0),
    position: 0,
    ensure(bytes) {
      const grown = Buffer.alloc(this.position + bytes)
      this.buffer.copy(grown, 0, 0, this.position)
      this.buffer = grown
    },
    text() {
      return this.buffer.toString('utf8', 0, this.position)
    },
  }
}

const WINDOW: RowMember[] = [
  { name: 'views', from: 'number' },
  { name: 'p95', from: 'number' },
  { name: 'top', from: 'value' },
  { name: 'key', from: 'text' },
  { name: 'start', from: 'number' },
  { name: 'end', from: 'number' },
]

for (const generate of [true, false])
  describe(`a JSON row writer ${generate ? 'with' : 'without'} generated code`, () => {
    it('writes window rows one behind the other', () => {
      const writer = compileRowWriter(WINDOW, { generate })
      const sink = tightSink()
      const key = Buffer.from('../home/..')
      for (const views of [3, 4]) {
        writer.numbers.set([views, 1.5, 0, 0, 1_700_000_000_000, 1_700_000_060_000])
        writer.values[2] = ['a', { b: null }]
        writer.write(sink, key, 2, 7)
      }
      const row = (views: number) =>
        `{"views":${views},"p95":1.5,"top":["a",{"b":null}],"key":"/home","start":1700000000000,"end":1700000060000}`
      assert.equal(sink.text(), row(3) + row(4))
    })

    it('equals JSON.stringify of the same object', () => {
      const anything = fc.oneof(
        fc.anything({ withDate: true, withBigInt: false, withTypedArray: true, withSparseArray: true }),
        fc.constantFrom<unknown>(undefined, () => 1, Symbol('s'), Number.NaN, -0, '\ud800', 'a"b\\c\n', 'ü'),
        fc.func(fc.anything()).map(toJSON => ({ toJSON: (name: string) => [name, toJSON(name)] })),
        fc.constant({ toJSON: () => undefined }),
        anyText(),
      )
      const number = fc.oneof(
        fc.double(),
        fc.maxSafeInteger(),
        fc.integer(),
        fc.nat(1000),
        fc.constantFrom(
          -0,
          0,
          9,
          10,
          99_999_999,
          100_000_000,
          1e8 + 1,
          2 ** 53,
          -(2 ** 53),
          1e21,
          5e-324,
          -1.7976931348623157e308,
        ),
      )
      const member = fc.oneof(
        fc.record({ from: fc.constant('number' as const), content: number }),
        fc.record({ from: fc.constant('value' as const), content: anything }),
        fc.record({ from: fc.constant('text' as const), content: fc.constant(undefined) }),
      )
      const key = fc.oneof(fc.string(), anyText(), fc.webPath())
      const rows = fc.uniqueArray(fc.tuple(fc.oneof(fc.string(), anyText()), member), {
        selector: ([name]) => name,
        maxLength: 6,
      })
      fc.assert(
        fc.property(rows, key, (row, text) => {
          const names = row.filter(([name]) => !/^\d+$|^__proto__$/.test(name))
          const writer = compileRowWriter(
            names.map(([name, { from }]) => ({ name, from })),
            { generate },
          )
          const bytes = Buffer.from(text)
          const object: Record<string, unknown> = {}
          names.forEach(([name, { from, content }], k) => {
            if (from === 'number') writer.numbers[k] = content as number
            else writer.values[k] = content
            object[name] = from === 'text' ? bytes.toString() : content
          })
          const expected = attempt(() => JSON.stringify(object))
          const sink = tightSink()
          const actual = attempt(() => {
            writer.write(sink, bytes, 0, bytes.length)
            return sink.text()
          })
          assert.deepEqual(actual, expected)
          if (typeof expected !== 'string') assert.equal(sink.position, 0)
        }),
        { numRuns: 1000 },
      )
    })

    it('writes nothing of a row whose value cannot be written', () => {
      const writer = compileRowWriter(WINDOW, { generate })
      const sink = tightSink()
      writer.values[2] = 1n
      assert.throws(() => writer.write(sink, Buffer.from('k'), 0, 1), TypeError)
      assert.equal(sink.position, 0)
      writer.values[2] = undefined
      writer.write(sink, Buffer.from('k'), 0, 1)
      assert.deepEqual(JSON.parse(sink.text()), { views: 0, p95: 0, key: 'k', start: 0, end: 0 })
    })

    it('copies the bytes of a key that is JSON already', () => {
      const writer = compileRowWriter([{ name: 'key', from: 'raw' }], { generate })
      const sink = tightSink()
      writer.write(sink, Buffer.from('x{"a":"é"}x'), 1, 11)
      assert.equal(sink.text(), '{"key":{"a":"é"}}')
    })

    it('writes an empty object when every member is left out', () => {
      const sink = tightSink()
      compileRowWriter([{ name: 'a', from: 'value' }], { generate }).write(sink, Buffer.alloc(0), 0, 0)
      compileRowWriter([], { generate }).write(sink, Buffer.alloc(0), 0, 0)
      assert.equal(sink.text(), '{}{}')
    })
  })

describe('stringifyInto', () => {
  it('appends what JSON.stringify gives, and nothing where it gives undefined', () => {
    fc.assert(
      fc.property(fc.anything(), anyText(), (value, before) => {
        const sink = tightSink()
        const expected = JSON.stringify(before) + (JSON.stringify(value) ?? '')
        assert.equal(stringifyInto(sink, before), true)
        assert.equal(stringifyInto(sink, value), JSON.stringify(value) !== undefined)
        assert.equal(sink.text(), expected)
      }),
    )
  })
})

function attempt(call: () => string): string | { error: string } {
  try {
    return call()
  } catch (error) {
    return { error: (error as Error).name }
  }
}
