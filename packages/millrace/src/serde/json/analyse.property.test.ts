import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { analyseCallback } from './analyse.ts'

const field = fc.constantFrom('a', 'b', 'c', 'd', 'm')

/** `E1` and `E2` stand for an expression, `S1` for a statement, `F` for a field. */
const NESTED = [
  '(E1 + E2)',
  '(E1, E2)',
  '[E1, E2]',
  '({ v: E1, x: E2 })',
  '(E1 ? E2 : v.F)',
  `\`\${E1}\``,
  'typeof E1',
  '!E1',
  '(E1 ?? E2)',
  '(v => E1)(E2)',
  '(({ v }) => E1)({ v: E2 })',
  '(x => E1)(E2)',
  '((x = E1) => x)()',
  '((v = E1) => v)()',
  '(() => { S1 return E1 })()',
  '(function v() { return E1 })()',
  '(function (x) { S1 return E1 })(E2)',
  '[E1].map(x => E2)',
  '[E1].map(v => E2)',
  '({ F: E1 }).F',
  '({ [E1]: E2 })',
  'new (class { x = E1; v = E2 })()',
  '(class { static v() { return E1 } }).v()',
]
const ESCAPING = [
  'v',
  'Object.keys(v)',
  '({ ...v })',
  "v['a' + '']",
  'arguments[0]',
  "eval('v.d')",
  'JSON.stringify(v)',
  '(({ F }) => F)(v)',
  'v.F()',
  'v.F++',
  '(v.F = E1)',
  'delete v.F',
  '((v.F) = E1)',
  "('F' in v)",
  '(v = E1)',
  '[v.F] = [E1]',
  '((w = v) => w.d)()',
  '(() => v)().F',
  '(v && v.F)',
  'v.toString',
  'v`x`',
  'Reflect.ownKeys((E1, v))',
]
const DECLARING = [
  '{ const v = E1; S1 }',
  '{ let v; S1 E2; }',
  'for (const v of [E1]) { S1 }',
  'for (let v = 0; v < 1; v++) { S1 }',
  'for (const x in { E1: 1 }) { S1 }',
  'try { throw E1 } catch (v) { S1 }',
  'try { S1 } catch { E1 } finally { E2 }',
  '{ class v { x = E1 } S1 }',
  '{ function v() { return E1 } S1 }',
  'var v = E1;',
  '{ var v = E1; S1 }',
  'v: for (;;) { S1 break v }',
  'switch (E1) { default: S1 }',
  'switch (E1) { case 1: let v = 2; S1 }',
  'function inner(x = E1) { S1 return E2 } inner();',
  'function inner(v) { S1 return E1 } inner(E2);',
  '(() => { S1 var v = E1 })();',
  'const { F: w2 = E1 } = { }; w2;',
  'const { v: w3 } = { v: E1 }; w3;',
  'for (const v = E1; false;) { S1 }',
]

/** Source text of expressions and statements over `v`, the value, which inner scopes sometimes declare again. */
const { expression, statement } = fc.letrec<{ expression: string; statement: string }>(tie => {
  const e = tie('expression')
  const s = tie('statement')
  const oneOf = (templates: string[]) =>
    fc.tuple(fc.constantFrom(...templates), e, e, s, field).map(([template, e1, e2, s1, f]) => {
      const parts: Record<string, string> = { E1: e1, E2: e2, S1: s1, F: f }
      return template.replace(/\b(E1|E2|S1|F)\b/g, part => parts[part]!)
    })
  return {
    expression: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'source' },
      {
        arbitrary: field.chain(f =>
          fc.constantFrom(`v.${f}`, `v?.${f}`, `v['${f}']`, `v.${f}?.x`, '1', "'s'", 'x'),
        ),
        weight: 9,
      },
      { arbitrary: oneOf(NESTED), weight: 6 },
      { arbitrary: oneOf(ESCAPING), weight: 1 },
    ),
    statement: fc.oneof(
      { maxDepth: 3, depthIdentifier: 'source' },
      { arbitrary: fc.constantFrom(';', 'return x;'), weight: 1 },
      { arbitrary: oneOf(['E1;', 'const w = E1;', 'return E1;', 'if (E1) { S1 }', ';']), weight: 5 },
      { arbitrary: oneOf(DECLARING), weight: 3 },
    ),
  }
})

const callback = fc.oneof(
  expression.map(e => `v => (${e})`),
  fc.tuple(statement, statement, expression).map(([s1, s2, e]) => `v => { ${s1} { ${s2} } return ${e} }`),
  fc.tuple(statement, expression).map(([s, e]) => `function (v) { ${s} return ${e} }`),
  fc.tuple(statement, expression, field).map(([s, e, f]) => `({ ${f}: v }) => { ${s} return ${e} }`),
  fc.tuple(expression, field, field).map(([e, f, g]) => `({ ${f}: { x = 1 } = {}, ${g} }) => ${e}`),
  fc.tuple(expression, expression).map(([e1, e2]) => `(v, x = ${e1}) => ${e2}`),
)

/** What a member that is called on the value can do. */
function readThroughThis(this: { d?: unknown } | undefined): unknown {
  return this?.d
}

/** A value that notes how it is touched. Its members are plain, so only the value itself is watched. */
function watched(): { value: object; touched: Set<string> } {
  const touched = new Set<string>()
  const value = new Proxy(
    { a: { x: 1 }, b: 's', c: [2], d: { x: 3, v: 4 }, m: readThroughThis } as Record<string, unknown>,
    {
      get(target, name) {
        touched.add(String(name))
        return target[name as string]
      },
      ...Object.fromEntries(
        [
          'set',
          'has',
          'deleteProperty',
          'ownKeys',
          'getOwnPropertyDescriptor',
          'defineProperty',
          'getPrototypeOf',
        ].map(trap => [
          trap,
          (...args: [never, never, never]) => {
            touched.add(`trap ${trap}`)
            return (Reflect as unknown as Record<string, Function>)[trap]!(...args)
          },
        ]),
      ),
    },
  )
  return { value, touched }
}

describe('[5.5] projection', () => {
  it('[5.5] never leaves out a field that a callback touches', () => {
    let projected = 0
    let whole = 0
    fc.assert(
      fc.property(callback, source => {
        const fn = compile(source)
        if (fn === undefined) return
        const use = analyseCallback(fn)
        if (use.whole) {
          whole++
          return
        }
        projected++
        const { value, touched } = watched()
        const result = run(fn, value)
        assert.notEqual(result, value, 'the value itself came out')
        for (const name of touched)
          assert.ok(use.fields.includes(name), `${name} is touched, ${use.fields} are decoded`)
      }),
      { numRuns: 5000 },
    )
    assert.ok(projected > 500 && whole > 500, `${projected} projected, ${whole} whole`)
  })
})

function compile(source: string): Function | undefined {
  try {
    return new Function(`return (${source})`)()
  } catch {
    return undefined
  }
}

/** A callback that throws has touched what it touched. */
function run(fn: Function, value: object): unknown {
  try {
    return fn(value)
  } catch {
    return undefined
  }
}
