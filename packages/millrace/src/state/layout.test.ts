import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { countColumn, layoutOf, listColumn, sumColumn } from './fixtures.test.ts'
import { adoptLayout, LayoutChangedError, type StoreLayout } from './layout.ts'

const stored = layoutOf('windows', [countColumn, sumColumn])
const refusedBecause = (wanted: StoreLayout, what: RegExp) =>
  assert.throws(
    () => adoptLayout(stored, wanted, 5),
    (error: Error) => {
      assert.ok(error instanceof LayoutChangedError)
      assert.match(error.message, what)
      assert.match(error.message, /rename.*reset.*migrate/s)
      return true
    },
  )

describe('adoptLayout', () => {
  it('[8.1] runs with the stored layout when nothing changed', () => {
    assert.equal(adoptLayout(stored, layoutOf('windows', [countColumn, sumColumn]), 5), stored)
  })

  it('[8.1] marks an added column with the time from which it counts', () => {
    const adopted = adoptLayout(stored, layoutOf('windows', [countColumn, listColumn, sumColumn]), 5)
    assert.deepEqual(adopted.columns, [countColumn, { ...listColumn, since: 5 }, sumColumn])
    assert.equal(adopted.version, 2)
  })

  it('[8.1] keeps the mark when the same code starts again', () => {
    const wanted = layoutOf('windows', [countColumn, listColumn, sumColumn])
    const adopted = adoptLayout(stored, wanted, 5)
    assert.equal(adoptLayout(adopted, wanted, 99), adopted)
  })

  it('[8.1] drops a removed column under a new version', () => {
    const adopted = adoptLayout(stored, layoutOf('windows', [sumColumn]), 5)
    assert.deepEqual([adopted.columns, adopted.version], [[sumColumn], 2])
  })

  it('[8.1] refuses another kind of store, key serde, window or aggregate, and says the ways out', () => {
    refusedBecause(layoutOf('table', [countColumn, sumColumn]), /kind was windows and is table/)
    refusedBecause({ ...stored, keySerde: 'int32' }, /key serde was any and is int32/)
    refusedBecause({ ...stored, window: { ...stored.window, sizeMs: 20 } }, /its window/)
    refusedBecause(
      layoutOf('windows', [countColumn, { ...sumColumn, aggregator: 'sum(bytes)' }]),
      /column "sum" was sum\(ms\).*is sum\(bytes\)/,
    )
  })

  it('[8.1] takes a newer version of a custom state and refuses an older one', () => {
    const newer = { ...sumColumn, version: 2 }
    assert.equal(adoptLayout(stored, layoutOf('windows', [countColumn, newer]), 5).version, 2)
    const fromNewer = layoutOf('windows', [countColumn, newer])
    assert.throws(() => adoptLayout(fromNewer, stored, 5), /written by version 2 and this is version 1/)
  })

  it('does not mind the order in which window members are written', () => {
    const window = { offsetMs: 0, sizeMs: 10, kind: 'tumbling' }
    assert.equal(adoptLayout(stored, { ...stored, window }, 5), stored)
  })
})
