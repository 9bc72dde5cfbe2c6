import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type HoppingWindow, hopping } from './hopping.ts'
import { session } from './session.ts'
import { type TumblingWindow, tumbling } from './tumbling.ts'
import { type GridWindow, windowStarts as startsIn, windowGrid } from './window.ts'

const windowStart = (at: number, window: GridWindow) => windowGrid(window).startOf(at)
const windowEnd = (start: number, window: GridWindow) => windowGrid(window).endOf(start)
const windowStarts = (at: number, window: GridWindow) => startsIn(at, window, windowGrid(window))

const spec: fc.Arbitrary<TumblingWindow> = fc
  .integer({ min: 1, max: 1e10 })
  .chain(size => fc.tuple(fc.constant(size), fc.nat({ max: size - 1 }), fc.nat({ max: 1e10 })))
  .map(([size, offset, grace]) => tumbling(size, { offset, grace }))
const timestamp = fc.oneof(
  fc.integer({ min: -1000, max: 1000 }),
  fc.maxSafeInteger().map(n => Math.trunc(n / 2)),
)

describe('tumbling windows', () => {
  it('[3.2] hold every timestamp, negative ones too, in the one window that starts at offset + n · size', () => {
    fc.assert(
      fc.property(timestamp, spec, (at, window) => {
        const start = windowStart(at, window)
        assert.ok(Number.isSafeInteger(start))
        assert.ok(start <= at && at < windowEnd(start, window))
        assert.equal(BigInt(start - window.offsetMs) % BigInt(window.sizeMs), 0n)
      }),
    )
  })

  it('[3.2] agree with exact arithmetic up to the largest safe integers', () => {
    fc.assert(
      fc.property(spec, fc.nat({ max: 1e6 }), fc.boolean(), (window, back, negative) => {
        const at = negative ? Number.MIN_SAFE_INTEGER + 2e10 + back : Number.MAX_SAFE_INTEGER - back
        const size = BigInt(window.sizeMs)
        const past = (((BigInt(at) - BigInt(window.offsetMs)) % size) + size) % size
        assert.equal(BigInt(windowStart(at, window)), BigInt(at) - past)
      }),
    )
  })

  it('[3.2] lie side by side: the start of a window is the end of the one before', () => {
    fc.assert(
      fc.property(timestamp, spec, (at, window) => {
        const start = windowStart(at, window)
        assert.equal(windowStart(start, window), start)
        assert.equal(windowStart(windowEnd(start, window), window), windowEnd(start, window))
        assert.equal(windowEnd(windowStart(start - 1, window), window), start)
      }),
    )
  })

  it('take sizes, grace and offset as durations', () => {
    assert.deepEqual(tumbling('1d', { grace: '30s', offset: '6h' }), {
      kind: 'tumbling',
      sizeMs: 86_400_000,
      offsetMs: 21_600_000,
      graceMs: 30_000,
    })
    assert.deepEqual(tumbling(10), { kind: 'tumbling', sizeMs: 10, offsetMs: 0, graceMs: 0 })
    assert.ok(Object.isFrozen(tumbling(10)))
    assert.equal(windowStart(5 * 3_600_000, tumbling('1d', { offset: '6h' })), -18 * 3_600_000)
  })

  it('refuse sizes, offsets and graces that make no window, saying which', () => {
    assert.throws(() => tumbling(0), { name: 'TypeError', message: /size/ })
    assert.throws(() => tumbling('0s'), { name: 'TypeError', message: /size/ })
    assert.throws(() => tumbling(-1), { name: 'TypeError', message: /size/ })
    assert.throws(() => tumbling(1.5), { name: 'TypeError', message: /size/ })
    assert.throws(() => tumbling(Number.NaN), { name: 'TypeError', message: /size/ })
    assert.throws(() => tumbling('1m', { grace: -1 }), { name: 'TypeError', message: /grace/ })
    assert.throws(() => tumbling('1m', { offset: '1m' }), {
      name: 'TypeError',
      message: /offset.*offset of 0 ms/,
    })
    assert.throws(() => tumbling('1m', { offset: '70s' }), {
      name: 'TypeError',
      message: /offset of 10000 ms/,
    })
    assert.throws(() => tumbling('1m', { offset: -1 }), { name: 'TypeError', message: /offset/ })
  })
})

const overlapping: fc.Arbitrary<HoppingWindow> = fc
  .tuple(fc.integer({ min: 1, max: 1e8 }), fc.integer({ min: 1, max: 40 }), fc.nat({ max: 1e8 }))
  .chain(([advance, times, extra]) =>
    fc
      .nat({ max: advance - 1 })
      .map(offset => hopping(advance * times + (extra % advance), { advance, offset, grace: extra })),
  )

describe('hopping windows', () => {
  it('[3.2] hold a timestamp in every window that begins at offset + n · advance, at most its size before, and in no other', () => {
    fc.assert(
      fc.property(timestamp, overlapping, (at, window) => {
        const { sizeMs, advanceMs, offsetMs } = window
        const starts = windowStarts(at, window)
        assert.ok(
          starts.length === Math.floor(sizeMs / advanceMs) || starts.length === Math.ceil(sizeMs / advanceMs),
        )
        starts.forEach((start, i) => {
          assert.ok(start <= at && at < windowEnd(start, window))
          assert.equal(BigInt(start - offsetMs) % BigInt(advanceMs), 0n)
          assert.equal(start, starts[0]! - i * advanceMs)
        })
        assert.ok(windowEnd(starts.at(-1)! - advanceMs, window) <= at, 'the one before has ended')
        assert.ok(starts[0]! + advanceMs > at, 'the one behind has not begun')
      }),
    )
  })

  it('are tumbling ones when they advance by their size', () => {
    fc.assert(
      fc.property(timestamp, spec, (at, window) => {
        const same = hopping(window.sizeMs, { advance: window.sizeMs, offset: window.offsetMs })
        assert.deepEqual(windowStarts(at, same), [windowStart(at, window)])
      }),
    )
  })

  it('take durations, and refuse what makes no windows, saying which', () => {
    assert.deepEqual(hopping('10m', { advance: '1m', grace: '30s', offset: '15s' }), {
      kind: 'hopping',
      sizeMs: 600_000,
      advanceMs: 60_000,
      offsetMs: 15_000,
      graceMs: 30_000,
    })
    assert.ok(Object.isFrozen(hopping(10, { advance: 5 })))
    assert.throws(() => hopping(0, { advance: 1 }), { name: 'TypeError', message: /size/ })
    assert.throws(() => hopping('1m', { advance: 0 }), { name: 'TypeError', message: /advance/ })
    assert.throws(() => hopping('1m', { advance: '61s' }), { name: 'TypeError', message: /in none/ })
    assert.throws(() => hopping('1m', { advance: '10s', offset: '12s' }), {
      name: 'TypeError',
      message: /offset of 2000 ms/,
    })
    assert.throws(() => hopping('1m', undefined as never), { name: 'TypeError', message: /advance: '1m'/ })
  })
})

describe('session', () => {
  it('takes durations, and a gap longer than 0', () => {
    assert.deepEqual(session('30m', { grace: '1m' }), { kind: 'session', gapMs: 1_800_000, graceMs: 60_000 })
    assert.throws(() => session(0), /session\(gap\): a gap must be longer than 0/)
    assert.throws(() => session('soon' as never), /session\(gap\)/)
  })
})
