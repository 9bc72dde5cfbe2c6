import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { json } from '../../serde/json.ts'
import { keys } from '../../serde/keys.ts'
import { number } from '../../serde/number.ts'
import { VirtualClock } from '../../std/clock.ts'
import { topic as declare } from '../../stream/topic.ts'
import type { ShownRecord } from './decode.ts'
import { lineEncoder } from './encode.ts'
import { parseFilter } from './filter.ts'
import { splitLines } from './lines.ts'
import { Pace, parseRate, wait } from './pace.ts'
import { parsePlace } from './position.ts'

const RECORD: ShownRecord = {
  topic: 't',
  partition: 1,
  offset: 42,
  timestamp: 1_700_000_000_000,
  key: 'v1',
  value: { url: '/home', ms: 250, user: { name: 'Ada' }, tags: ['a'], gone: null },
  headers: {},
}

describe('lines of input', () => {
  it('are the same however the input is cut', async () => {
    const text = fc.array(fc.constantFrom('a', 'bé', '\n', '\r\n', ' ')).map(parts => parts.join(''))
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
        async (whole, sizes) => {
          const bytes = Buffer.from(whole)
          const pieces: Buffer[] = []
          for (let at = 0, i = 0; at < bytes.length; ) {
            const size = sizes[i++ % sizes.length]!
            pieces.push(bytes.subarray(at, at + size))
            at += size
          }
          const found: string[] = []
          for await (const { lines, firstNumber } of splitLines(from(pieces))) {
            assert.equal(firstNumber, found.length + 1)
            found.push(...lines.map(line => Buffer.from(line).toString()))
          }
          const expected = whole.split(/\r?\n/)
          if (expected.at(-1) === '') expected.pop()
          assert.deepEqual(found, expected)
        },
      ),
    )
  })
})

async function* from(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces
}

describe('encoding lines', () => {
  const now = () => 5

  it('keys and times a declared topic as the pipeline would', () => {
    const views = declare<{ id: number; at: number }, { id: number; at: number }, number>('views', {
      value: json<{ id: number; at: number }>(),
      key: 'id',
      keySerde: keys.int32,
      timestamp: v => v.at,
    })
    const encode = lineEncoder({ topic: views, lines: false, now })
    const { key, value, timestamp } = encode(Buffer.from('{ "id": 7, "at": 1700000000000 }'))
    assert.deepEqual([...key!], [0, 0, 0, 7])
    assert.equal(Buffer.from(value).toString(), '{"id":7,"at":1700000000000}')
    assert.equal(timestamp, 1_700_000_000_000)
  })

  it('writes numbers for a topic of numbers and refuses anything else', () => {
    const encode = lineEncoder({ topic: declare('n', { value: number() }), lines: false, now })
    assert.equal(Buffer.from(encode(Buffer.from('1.50')).value).toString(), '1.5')
    assert.throws(() => encode(Buffer.from('"a"')), /cannot take/)
  })

  it('leaves the bytes of an undeclared topic as they are', () => {
    const encode = lineEncoder({ topic: undefined, lines: false, now })
    const { key, value, timestamp } = encode(Buffer.from('{"a": 1.0}'))
    assert.deepEqual([key, Buffer.from(value).toString(), timestamp], [null, '{"a": 1.0}', 5])
  })

  it('refuses times that look like seconds', () => {
    const encode = lineEncoder({ topic: undefined, lines: false, timestamp: 'at', now })
    assert.throws(() => encode(Buffer.from('{"at":1700000000}')), /looks like seconds/)
  })
})

describe('filters', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['url=/home', true],
    ['url!=/home', false],
    ['url~om', true],
    ['user.name = Ada', true],
    ['ms>=250', true],
    ['ms>250', false],
    ['ms<1000', true],
    ['url>/a', true],
    ['missing>1', false],
    ['missing=undefined', true],
    ['gone=null', true],
    ['tags=["a"]', true],
    ['@key=v1', true],
    ['@partition=1', true],
    ['@offset<=41', false],
    ['@timestamp>1699999999999', true],
  ]
  for (const [expression, expected] of cases) {
    it(`${expression} is ${expected}`, () => {
      assert.equal(parseFilter(expression)(RECORD), expected)
    })
  }

  it('refuse what is no condition', () => {
    assert.throws(() => parseFilter('url'), /is no condition/)
    assert.throws(() => parseFilter('@page=1'), /There is no @page/)
  })
})

describe('places in a topic', () => {
  it('are offsets, counts from the end, dates and spans back', () => {
    const place = (text: string) => parsePlace(text, '--from', 10_000_000)
    assert.deepEqual(place('earliest'), { kind: 'earliest' })
    assert.deepEqual(place('12'), { kind: 'offset', offset: 12 })
    assert.deepEqual(place('-3'), { kind: 'back', records: 3 })
    assert.deepEqual(place('10s'), { kind: 'time', ms: 9_990_000 })
    assert.deepEqual(place('2026-01-02T00:00:00Z'), { kind: 'time', ms: Date.parse('2026-01-02') })
    assert.throws(() => place('soon'), /--from is 'soon'/)
  })
})

describe('a paced producer', () => {
  it('reads rates with and without their unit', () => {
    assert.deepEqual([parseRate('100'), parseRate('2.5/s'), parseRate('1_000/s')], [100, 2.5, 1000])
    assert.throws(() => parseRate('0'), /--rate is '0'/)
  })

  it('lets through as many records as the rate allows', () => {
    const clock = new VirtualClock()
    const pace = new Pace(clock, 100)
    let taken = 0
    for (let left = 1_000; left > 0; ) {
      const waitMs = pace.take()
      taken++
      clock.advance(waitMs)
      left -= waitMs
    }
    assert.ok(taken >= 95 && taken <= 110, `${taken} in a second`)
  })

  it('stops waiting when a stop is asked for', async () => {
    const clock = new VirtualClock()
    const stop = new AbortController()
    const waiting = wait(clock, 1_000, stop.signal)
    stop.abort()
    await waiting
    assert.equal(clock.pending, 0)
  })
})
