import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KeyTable } from './key-table.ts'

const newTable = (seed = 1) => new KeyTable({ columns: 2, initial: new Float64Array([0, 10]), seed })
const upsert = (table: KeyTable, key: Uint8Array) => table.upsert(key, 0, key.length)
const find = (table: KeyTable, key: Uint8Array) => table.find(key, 0, key.length)
// The row first: upsert may replace `f64`.
const put = (table: KeyTable, key: Uint8Array, value: number) => {
  const row = upsert(table, key)
  table.f64[row] = value
}
const add = (table: KeyTable, key: Uint8Array, value: number) => {
  const row = upsert(table, key)
  table.f64[row]! += value
}
const keyOf = (table: KeyTable, row: number) =>
  table.keyBytes.toString('latin1', table.keyStart(row), table.keyEnd(row))

function* liveRows(table: KeyTable) {
  for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) yield row
}
function contents(table: KeyTable): Map<string, number> {
  const found = new Map<string, number>()
  for (const row of liveRows(table)) found.set(keyOf(table, row), table.f64[row]!)
  return found
}
const bytesOf = (text: string) => Buffer.from(text, 'latin1')

describe('KeyTable', () => {
  it('gives a new row its initial values and finds it again', () => {
    const table = newTable()
    const row = upsert(table, bytesOf('a'))
    assert.deepEqual([...table.f64.subarray(row, row + 2)], [0, 10])
    assert.equal(upsert(table, bytesOf('a')), row)
    assert.equal(find(table, bytesOf('a')), row)
    assert.equal(find(table, bytesOf('b')), 0)
    assert.equal(table.size, 1)
  })

  it('keeps apart keys that differ only in length, zeros or one bit, at any place in their buffer', () => {
    const table = newTable()
    const keys = [
      '',
      '\0',
      '\0\0',
      '\0\0\0\0',
      '\0\0\0\0\0',
      'abcd',
      'abce',
      'abcd\0',
      '__proto__',
      'constructor',
    ]
    keys.forEach((key, i) => {
      put(table, bytesOf(key), i + 1)
    })
    assert.equal(table.size, keys.length)
    keys.forEach((key, i) => {
      const shifted = bytesOf(`xyz${key}tail`)
      assert.equal(table.f64[table.find(shifted, 3, 3 + key.length)], i + 1)
    })
  })

  it('agrees with a Map over any history of adds, removals, discards and new epochs', () => {
    const key = fc.oneof(
      fc.constantFrom('__proto__', '', 'a', 'aaaaaaaaaaaaaaaaaaaaaaaaa'),
      fc.integer({ min: 0, max: 300 }).map(n => 'k'.repeat(n % 13) + n),
    )
    const step = fc.record({
      op: fc.constantFrom('add', 'add', 'add', 'remove', 'discard', 'epoch', 'clear'),
      key,
    })
    const history = fc.array(step, { maxLength: 400, size: 'max' })
    fc.assert(
      fc.property(history, fc.integer(), (steps, seed) => {
        const table = newTable(seed)
        const model = new Map<string, number>()
        for (const { op, key } of steps) {
          const bytes = bytesOf(key)
          const row = find(table, bytes)
          assert.equal(row !== 0, model.has(key))
          if (op === 'add') {
            add(table, bytes, 1)
            model.set(key, (model.get(key) ?? 0) + 1)
          } else if (op === 'epoch') table.clearDirty()
          else if (op === 'clear' && key.length > 20) {
            table.clear()
            model.clear()
          } else if (row !== 0 && op !== 'clear') {
            table[op as 'remove' | 'discard'](row)
            model.delete(key)
          }
        }
        assert.equal(table.size, model.size)
        assert.deepEqual(contents(table), model)
      }),
      { numRuns: 300 },
    )
  })

  it('holds a hundred thousand keys through splits and growth, and lets go of every second one', () => {
    const table = newTable()
    const keys = Array.from({ length: 100_000 }, (_, i) => bytesOf(`key-${i}`))
    keys.forEach((key, i) => {
      put(table, key, i)
    })
    keys.forEach((key, i) => {
      if (i % 2 === 1) table.discard(find(table, key))
    })
    assert.equal(table.size, 50_000)
    keys.forEach((key, i) => {
      const row = find(table, key)
      assert.equal(row === 0 ? -1 : table.f64[row], i % 2 === 1 ? -1 : i)
    })
    assert.equal([...liveRows(table)].length, 50_000)
  })

  it('takes less than a kilobyte for a few rows, and gives them back from any size on', () => {
    const few = newTable()
    for (let i = 0; i < 10; i++) put(few, bytesOf(`key-${i}`), i)
    assert.ok(few.byteLength < 1_024, `${few.byteLength} bytes`)
    for (const rows of [0, 11, 12, 23, 180, 2_868, 6_000]) {
      const table = newTable()
      for (let round = 0; round < 2; round++) {
        const expected = new Map<string, number>()
        for (let i = 0; i < rows; i++) {
          put(table, bytesOf(`key-${i}`), i)
          expected.set(`key-${i}`, i)
        }
        for (let i = 0; i < rows; i += 3) {
          table.discard(find(table, bytesOf(`key-${i}`)))
          expected.delete(`key-${i}`)
        }
        for (let i = 0; i < rows; i++)
          assert.equal(find(table, bytesOf(`key-${i}`)) !== 0, expected.has(`key-${i}`))
        assert.deepEqual(contents(table), expected)
        table.clear()
        assert.equal(find(table, bytesOf('key-1')), 0)
      }
    }
  })

  it('lists a touched row once per epoch, in the order of the first touch', () => {
    const table = newTable()
    const [a, b] = ['a', 'b'].map(key => upsert(table, bytesOf(key))) as [number, number]
    for (const row of [b, a, b, a]) table.touch(row)
    assert.deepEqual([table.dirtyRow(0), table.dirtyRow(1), table.dirtyCount], [b, a, 2])
    table.clearDirty()
    assert.equal(table.dirtyCount, 0)
    assert.equal(table.isDirty(a), false)
    table.touch(a)
    assert.deepEqual([table.dirtyRow(0), table.dirtyCount], [a, 1])
  })

  it('keeps a removed key readable until the next epoch, even when the key comes back at once', () => {
    const table = newTable()
    const old = upsert(table, bytesOf('back'))
    table.touch(old)
    table.remove(old)
    const renewed = upsert(table, bytesOf('back'))
    table.touch(renewed)
    assert.notEqual(renewed, old)
    assert.deepEqual([table.isLive(old), keyOf(table, old), table.isLive(renewed)], [false, 'back', true])
    assert.deepEqual([table.dirtyRow(0), table.dirtyRow(1)], [old, renewed])
  })

  it('uses the place of a removed row again after the epoch, so churn does not grow it', () => {
    const table = newTable()
    let bytesAfterFirst = 0
    for (let round = 0; round < 50; round++) {
      for (let i = 0; i < 2000; i++) upsert(table, bytesOf(`r${100 + round}-${10_000 + i}`))
      for (const row of liveRows(table)) table.remove(row)
      table.clearDirty()
      if (round === 0) bytesAfterFirst = table.byteLength
    }
    assert.equal(table.byteLength, bytesAfterFirst)
  })

  it('starts empty after clear, however large it was', () => {
    const table = newTable()
    const fill = (prefix: string) => {
      for (let i = 0; i < 20_000; i++) put(table, bytesOf(prefix + i), i)
    }
    fill('first')
    const held = table.byteLength
    table.clear()
    assert.equal(table.firstRow(), 0)
    fill('other')
    assert.equal(table.size, 20_000)
    assert.equal([...liveRows(table)].length, 20_000)
    assert.equal(find(table, bytesOf('first7')), 0)
    assert.equal(table.f64[find(table, bytesOf('other19999'))], 19_999)
    assert.equal(table.byteLength, held)
  })

  it('refuses to remove a row twice', () => {
    const table = newTable()
    const row = upsert(table, bytesOf('a'))
    table.remove(row)
    assert.throws(() => table.remove(row), /not live/)
  })

  it('keeps the arena in place while reserved rows come', () => {
    const table = newTable()
    table.reserve(5000, 5000 * 20)
    const before = table.f64
    for (let i = 0; i < 5000; i++)
      upsert(table, bytesOf(`twenty-bytes-key-${100 + (i % 900)}`.padEnd(20, String(i))))
    assert.equal(table.f64, before)
  })

  it('gives each row an object of its own and frees its place with the row', () => {
    const table = new KeyTable({
      columns: 2,
      initial: new Float64Array(2),
      seed: 3,
      objects: [{ column: 1, initial: () => new Set<number>() }],
    })
    const object = (row: number) => table.objects[table.f64[row + 1]!] as Set<number>
    const [a, b] = ['a', 'b'].map(key => upsert(table, bytesOf(key))) as [number, number]
    object(a).add(1)
    assert.deepEqual([[...object(a)], [...object(b)]], [[1], []])
    const held = table.objects.length
    table.remove(a)
    table.clearDirty()
    upsert(table, bytesOf('c'))
    assert.equal(table.objects.length, held)
  })

  it('walks on behind a row that was removed under the walk', () => {
    const table = newTable()
    for (let i = 0; i < 10; i++) upsert(table, bytesOf(`k${i}`))
    const met: string[] = []
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
      met.push(keyOf(table, row))
      table.remove(row)
    }
    assert.deepEqual(
      met,
      Array.from({ length: 10 }, (_, i) => `k${i}`),
    )
    assert.equal(table.size, 0)
  })

  it('does the same through batch phases as key by key', () => {
    const table = newTable()
    const count = 3000
    const bytes = Buffer.alloc(count * 8)
    const starts = new Int32Array(count)
    const ends = new Int32Array(count)
    for (let i = 0; i < count; i++) {
      starts[i] = i * 8
      ends[i] = i * 8 + bytes.write(`k${i % 700}`, i * 8)
    }
    const hashes = new Int32Array(count)
    table.hashAll(bytes, starts, ends, count, hashes)
    table.prefetch(hashes, count, new Int32Array(count))
    for (let i = 0; i < count; i++) {
      const row = table.upsertHashed(bytes, starts[i]!, ends[i]!, hashes[i]!)
      table.f64[row]! += 1
    }
    assert.equal(table.size, 700)
    assert.equal(table.f64[find(table, bytesOf('k5'))], 5)
    assert.equal(table.f64[find(table, bytesOf('k300'))], 4)
  })

  it('grows past the size from which its memory grows in place', () => {
    const table = newTable()
    const key = Buffer.alloc(1000)
    for (let i = 1; i <= 20_000; i++) {
      key.writeInt32LE(i)
      put(table, key, i)
    }
    for (let i = 1; i <= 20_000; i += 500) {
      key.writeInt32LE(i)
      assert.equal(table.f64[find(table, key)], i)
    }
  })
})
