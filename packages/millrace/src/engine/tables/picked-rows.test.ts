import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pickedMembers } from '../../serde/json/picked.ts'
import { PickedRows } from './picked-rows.ts'

type Any = any

const inner = pickedMembers((v: Any, row: Any) => ({ name: row.name, id: v.id, n: row.n ?? 'none', k: 1 }))!
const left = pickedMembers((v: Any, row: Any) => ({ id: v.id, name: row?.name, n: row?.n ?? null }))!

/** The texts of a row's runs; undefined where the result has to be made. */
function textsOf(rows: PickedRows, place: number, objects: readonly unknown[], runs: number) {
  const i = rows.indexOf(place, objects)
  if (i < 0) return undefined
  const text = (run: number) => rows.bytes.toString('utf8', rows.bounds[i + run], rows.bounds[i + run + 1])
  return Array.from({ length: runs }, (_, run) => text(run))
}

describe('what is kept of rows as text', () => {
  it('are the members that are picked of them, and constants, run by run', () => {
    const rows = new PickedRows(inner)
    const objects = [undefined, { name: 'Änn "A"', n: 1.5 }, { n: null }, { name: undefined, n: -0 }]
    assert.deepEqual(textsOf(rows, 1, objects, 2), [',"name":"Änn \\"A\\""', ',"n":1.5,"k":1'])
    assert.deepEqual(textsOf(rows, 2, objects, 2), ['', ',"n":"none","k":1'])
    assert.deepEqual(textsOf(rows, 3, objects, 2), ['', ',"n":0,"k":1'])
  })

  it('is what a left join writes where there is no row, if that can be read', () => {
    assert.deepEqual(textsOf(new PickedRows(left), -1, [], 1), [',"n":null'])
    assert.equal(textsOf(new PickedRows(inner), -1, [], 2), undefined)
  })

  it('is nothing where a member may be another one each time it is read, or is no plain value', () => {
    const objects = [
      7,
      'text',
      [1],
      new (class {
        get name() {
          return 'Ann'
        }
      })(),
      { name: { first: 'Ann' } },
      { name: 1n },
      { name: () => 'Ann' },
      Object.defineProperty({}, 'name', { get: () => 'Ann' }),
      new Date(0),
    ]
    const rows = new PickedRows(inner)
    for (const [place] of objects.entries())
      for (let i = 0; i < 2; i++) assert.equal(textsOf(rows, place, objects, 2), undefined, `row ${place}`)
  })

  it('is made anew for another row in its place', () => {
    const rows = new PickedRows(left)
    const objects: unknown[] = [{ name: 'Ann' }]
    assert.deepEqual(textsOf(rows, 0, objects, 1), [',"name":"Ann","n":null'])
    objects[0] = { name: 'Bob' }
    rows.forget(0)
    assert.deepEqual(textsOf(rows, 0, objects, 1), [',"name":"Bob","n":null'])
    objects[0] = 7
    rows.forget(0)
    assert.equal(textsOf(rows, 0, objects, 1), undefined)
    objects[0] = { name: 'Eve' }
    rows.forget(0)
    rows.forget(99)
    assert.deepEqual(textsOf(rows, 0, objects, 1), [',"name":"Eve","n":null'])
  })

  it('stays within its bytes, and uses those of rows that have changed again', () => {
    const rows = new PickedRows(left, 4096)
    const objects: unknown[] = Array.from({ length: 200 }, (_, i) => ({ name: `row ${i} ${'x'.repeat(20)}` }))
    const kept = () => objects.filter((_, place) => textsOf(rows, place, objects, 1) !== undefined).length
    const first = kept()
    assert.ok(first > 50 && first < 100, `${first} rows`)
    assert.equal(rows.bytes.length, 4096)
    for (let place = 0; place < 100; place++) rows.forget(place)
    assert.ok(kept() > 50)
    for (let turn = 0; turn < 1_000; turn++) {
      objects[3] = { name: `turn ${turn}` }
      rows.forget(3)
      const texts = textsOf(rows, 3, objects, 1)
      if (texts !== undefined) assert.deepEqual(texts, [`,"name":"turn ${turn}","n":null`])
    }
    assert.equal(rows.bytes.length, 4096)
  })
})
