import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pickedAndComputed, pickedMembers } from './picked.ts'

type Any = any
const limit = 3

describe('the members that a callback picks', () => {
  it('are those of its arguments, and constants', () => {
    assert.deepEqual(
      pickedMembers((v: Any, row: Any) => ({
        id: v.id,
        'odd name': v['odd name'],
        name: row.name,
        city: row?.city ?? null,
        rank: row?.rank ?? -1,
        kind: 'joined',
      })),
      [
        { name: 'id', of: 0, field: 'id', isOptional: false },
        { name: 'odd name', of: 0, field: 'odd name', isOptional: false },
        { name: 'name', of: 1, field: 'name', isOptional: false },
        { name: 'city', of: 1, field: 'city', isOptional: true, otherwise: null },
        { name: 'rank', of: 1, field: 'rank', isOptional: true, otherwise: -1 },
        { name: 'kind', constant: 'joined' },
      ],
    )
  })

  it('are found in functions, in blocks that only return, and where parameters are taken apart', () => {
    const expected = [
      { name: 'a', of: 0, field: 'a', isOptional: false },
      { name: 'b', of: 1, field: 'c', isOptional: false },
    ]
    const same = [
      (v: Any, row: Any) => {
        return { a: v.a, b: row.c }
      },
      (v: Any, row: Any) => ({ a: v.a, b: row.c }),
      ({ a }: Any, { c: b }: Any) => ({ a, b }),
    ]
    for (const fn of same) assert.deepEqual(pickedMembers(fn), expected)
  })

  const others: readonly [why: string, fn: Function][] = [
    ['a value is worked out', (v: Any) => ({ a: v.a + 1 })],
    ['a variable of elsewhere is read', (v: Any) => ({ a: v.a, limit })],
    ['something is called', (v: Any) => ({ a: v.a.trim() })],
    ['members are spread', (v: Any) => ({ ...v })],
    ['an argument is handed on', (v: Any) => ({ v })],
    ['a member of a member is read', (v: Any) => ({ a: v.a.b })],
    ['a name is worked out', (v: Any) => ({ [v.a]: v.b })],
    ['a read name is worked out', (v: Any) => ({ a: v[limit] })],
    ['names that are numbers go first', (v: Any) => ({ a: v.a, 1: v.b })],
    ['names that are numbers in quotes go first', (v: Any) => ({ a: v.a, '1': v.b })],
    ['the prototype is set', (v: Any) => ({ __proto__: v.a })],
    ['toJSON has a meaning', (v: Any) => ({ toJSON: v.a })],
    ['every object has such a member', (v: Any) => ({ a: v.toString })],
    [
      'a getter stands there',
      (v: Any) => ({
        get a() {
          return v.a
        },
      }),
    ],
    ['a method stands there', () => ({ a() {} })],
    ['a regular expression is an object', (v: Any) => ({ a: v.a, b: /x/ })],
    ['a bigint cannot be written', (v: Any) => ({ a: v.a, b: 1n })],
    ['a default is no constant', (v: Any) => ({ a: v.a ?? v.b })],
    [
      'something stands before the result',
      (v: Any) => {
        limit.toString()
        return { a: v.a }
      },
    ],
    ['a parameter has a default', (v: Any = {}) => ({ a: v.a })],
    ['the rest of the members is taken', ({ a, ...rest }: Any) => ({ a, rest })],
    ['the record is asked', (v: Any, _row: Any, record: Any) => ({ a: v.a, key: record.key })],
    ['a row is taken apart for nothing', new Function('v', '{}', 'return { a: v.a }')],
    ['it is asynchronous', async (v: Any) => ({ a: v.a })],
    ['it is a generator', new Function('return function* (v) { return { a: v.a } }')()],
    ['it has no source', ((v: Any) => ({ a: v.a })).bind(undefined)],
    ['it gives no object', (v: Any) => v.a],
    ['it gives nothing', () => ({})],
  ]
  for (const [why, fn] of others)
    it(`are not known where ${why}`, () => assert.equal(pickedMembers(fn), undefined))

  it('are not known where a name stands twice', () => {
    assert.equal(pickedMembers(new Function('v', 'return { a: v.a, a: v.b }')), undefined)
  })
})

describe('the members that a callback of one value computes', () => {
  it('are those that are not picked, each with what it reads', () => {
    assert.deepEqual(
      pickedAndComputed((v: Any) => ({ id: v.id, rate: v.price * limit, both: `${v.a} ${v.b}`, kind: 1 })),
      [
        { name: 'id', of: 0, field: 'id', isOptional: false },
        { name: 'rate', computedOf: ['price'] },
        { name: 'both', computedOf: ['a', 'b'] },
        { name: 'kind', constant: 1 },
      ],
    )
    assert.deepEqual(
      pickedAndComputed(({ id, price: of }: Any, record: Any) => ({ id, at: record.timestamp, up: of + 1 })),
      [
        { name: 'id', of: 0, field: 'id', isOptional: false },
        { name: 'at', computedOf: [] },
        { name: 'up', computedOf: ['price'] },
      ],
    )
  })

  const others: readonly [why: string, fn: Function][] = [
    ['nothing is picked', (v: Any) => ({ a: v.a + 1 })],
    ['the value is handed on', (v: Any) => ({ a: v.a, b: String(v) })],
    ['the value gets another name', (v: Any) => ({ a: v.a, b: ((w: Any) => w.b)(v) })],
    // biome-ignore lint/suspicious/noAssignInExpressions: it is what the test is about.
    ['a name may mean something else', ({ a, b }: Any) => ({ a, b: (a = b) })],
    ['a name is counted up', ({ a, b }: Any) => ({ a, b: b++ })],
    [
      'a loop gives a name its meaning',
      ({ a, b }: Any) => ({
        a,
        b: (() => {
          for (a of b);
        })(),
      }),
    ],
    ['a member of the value is changed', (v: Any) => ({ a: v.a, b: delete v.a })],
    [
      'arguments reach it, too',
      function (v: Any) {
        // biome-ignore lint/complexity/noArguments: it is what the test is about.
        return { a: v.a, b: arguments[0].b }
      },
    ],
    ['another parameter stands for it', (v: Any, w: Any = v) => ({ a: v.a, b: w.b })],
    ['the record is taken apart', (v: Any, { key }: Any) => ({ a: v.a, key })],
    ['members are spread', (v: Any) => ({ a: v.a, ...v.b })],
  ]
  for (const [why, fn] of others)
    it(`are not looked for where ${why}`, () => assert.equal(pickedAndComputed(fn), undefined))
})
