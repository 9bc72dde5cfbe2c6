import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assertSameRun, compareRuns } from './compare.ts'
import type { ObservedRecord } from './observed-run.ts'
import type { Binding, ExpectedRecord, ExpectedSideRecord, LooseColumns, ReferenceResult } from './types.ts'

const bytes = (text: string) => Buffer.from(text)
const expectedRecord = (value: unknown, at: number, more: Partial<ExpectedRecord> = {}): ExpectedRecord => ({
  partition: 0,
  key: bytes('k'),
  value,
  timestamp: at,
  lane: 'lane',
  task: 'task',
  ...more,
})
const observed = (value: unknown, at: number, more: Partial<ObservedRecord> = {}): ObservedRecord => ({
  partition: 0,
  key: bytes('k'),
  value,
  timestamp: at,
  ...more,
})
function expecting(
  rows: ExpectedRecord[],
  { binding = 'exact' as Binding, loose = new Map() as LooseColumns } = {},
): ReferenceResult {
  return { outputs: new Map([['t', { binding, loose, rows }]]), sideStreams: new Map(), tables: new Map() }
}
const compare = (rows: ObservedRecord[], expected: ReferenceResult) =>
  compareRuns({ outputs: new Map([['t', rows]]) }, expected)

describe('comparing a run with the model', () => {
  const expected = expecting([expectedRecord({ a: 1, b: [2] }, 1), expectedRecord(2, 2)])

  it('finds nothing where nothing differs, whatever the order of members', () => {
    assert.deepEqual(compare([observed({ b: [2], a: 1 }, 1), observed(2, 2)], expected), [])
  })

  it('is two-sided: a missing, a doubled and a foreign record are each told', () => {
    assert.match(compare([observed(2, 2)], expected).join('\n'), /1 rows, expected 2\n.*missing 1 × .*"a":1/)
    const doubled = [observed({ a: 1, b: [2] }, 1), observed(2, 2), observed(2, 2)]
    assert.match(compare(doubled, expected).join('\n'), /too much 1 × .*"value":2/)
    const foreign = compareRuns({ outputs: new Map([['other', [observed(1, 1)]]]) }, expecting([]))
    assert.match(foreign.join('\n'), /topic other: too much/)
  })

  it('tells another time and another partition', () => {
    assert.notDeepEqual(compare([observed({ a: 1, b: [2] }, 9), observed(2, 2)], expected), [])
    const elsewhere = [observed({ a: 1, b: [2] }, 1), observed(2, 2, { partition: 1 })]
    assert.match(
      compare(elsewhere, expected).join('\n'),
      /key "k" was written to partition 1 and belongs to 0/,
    )
  })

  it('tells a record that overtook another of its lane, and lets lanes overtake each other', () => {
    const swapped = [observed(2, 2), observed({ a: 1, b: [2] }, 1)]
    assert.match(compare(swapped, expected).join('\n'), /out of order in partition 0/)
    const twoLanes = expecting([expectedRecord(1, 1), expectedRecord(2, 2, { lane: 'other' })])
    assert.deepEqual(compare([observed(2, 2), observed(1, 1)], twoLanes), [])
  })

  it('compares the last value of each key where only that is decided', () => {
    const rows = [expectedRecord(1, 1), expectedRecord(2, 2), expectedRecord(7, 3, { task: 'another' })]
    const last = expecting(rows, { binding: 'last-per-key' })
    assert.deepEqual(compare([observed(5, 9), observed(2, 8)], last), [])
    assert.deepEqual(compare([observed(7, 8)], last), [])
    assert.match(compare([observed(1, 1)], last).join(), /last value of key "k" is 1, expected 2 or 7/)
    assert.match(compare([], last).join(), /key "k" is missing/)
  })

  it('allows a sketch its relative error and not more, and columns that depend on order anything', () => {
    const loose = new Map<string, 'any' | number>([
      ['p', 0.01],
      ['first', 'any'],
    ])
    const sketched = expecting([expectedRecord({ p: 100, first: 'x', n: 1 }, 1)], { loose })
    assert.deepEqual(compare([observed({ p: 100.9, first: 'y', n: 1 }, 1)], sketched), [])
    assert.match(
      compare([observed({ p: 101.1, first: 'x', n: 1 }, 1)], sketched).join(),
      /p is 101.1, expected 100 ± 1 %/,
    )
    assert.notDeepEqual(compare([observed({ p: 100, first: 'x', n: 2 }, 1)], sketched), [])
  })

  it('compares side streams by the fields that are asked for, and tables by key and window', () => {
    const late: ExpectedSideRecord = { step: 's', reason: 'late', key: null, value: 1, timestamp: 5 }
    const result: ReferenceResult = {
      outputs: new Map(),
      sideStreams: new Map([['late', { binding: 'exact', loose: new Map(), rows: [late] }]]),
      tables: new Map([
        ['s', { binding: 'exact', loose: new Map(), rows: [{ key: 'k', result: { n: 1 } }] }],
      ]),
    }
    const right = {
      outputs: new Map(),
      sideStreams: new Map([['late', [{ ...late, reason: 'other' }]]]),
      tables: new Map([['s', [{ key: 'k', result: { n: 1 } }]]]),
    }
    assert.deepEqual(compareRuns(right, result), [])
    assert.match(compareRuns(right, result, { sideFields: ['reason'] }).join(), /side stream late: .*rows/)
    const wrongTable = { ...right, tables: new Map([['s', [{ key: 'k', start: 0, result: { n: 1 } }]]]) }
    assert.match(compareRuns(wrongTable, result).join(), /table s: /)
    assert.throws(() => assertSameRun(wrongTable, result), /differs from the reference model/)
  })
})
