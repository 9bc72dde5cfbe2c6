import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runInNewContext } from 'node:vm'
import esbuild from 'esbuild-wasm'
import { minify } from 'terser'
import { analyseCallback, analyseFieldOrFn } from './analyse.ts'

/** A function whose text is exactly this, with no tool having touched it. */
function written(source: string): Function {
  return runInNewContext(`(${source})`)
}

function fieldsOf(fn: Function | string): readonly string[] | string {
  const use = analyseCallback(typeof fn === 'string' ? written(fn) : fn)
  return use.whole ? use.reason : use.fields
}

function assertFields(table: Record<string, string[]>): void {
  for (const [source, fields] of Object.entries(table)) assert.deepEqual(fieldsOf(source), fields, source)
}

function assertWhole(table: Record<string, RegExp>): void {
  for (const [source, reason] of Object.entries(table)) {
    const found = fieldsOf(source)
    assert.ok(typeof found === 'string', `${source} is projected to ${found}`)
    assert.match(found, reason, source)
  }
}

describe('[5.3] a field by name or by callback', () => {
  it('[5.3] gives the same either way', () => {
    assert.deepEqual(
      analyseFieldOrFn('ms'),
      analyseFieldOrFn((v: { ms: number }) => v.ms),
    )
    assert.deepEqual(analyseFieldOrFn('ms'), { fields: ['ms'], usesRecord: false, isAsync: false })
  })

  it('[5.3] takes the whole record for a name that cannot be decoded alone', () => {
    for (const name of ['__proto__', 'toString', 'constructor', 'then', 'x\ufffd', '\ud800']) {
      assert.equal(analyseFieldOrFn(name).whole, true, name)
      assert.equal(analyseCallback(written(`v => v[${JSON.stringify(name)}]`)).whole, true, name)
      assert.equal(analyseCallback(written(`({ ${JSON.stringify(name)}: x }) => x`)).whole, true, name)
    }
  })
})

describe('[5.5] a callback is projected', () => {
  it('[5.5] when an arrow or a function expression reads members by name', () => {
    assertFields({
      'v => v.ms > 0': ['ms'],
      '(v) => { const { ms } = { ms: v.ms }; return ms }': ['ms'],
      'function (v) { return v.a + v.b + v.a }': ['a', 'b'],
      'function named(v) { return v.a }': ['a'],
      "v => v['a'] + v?.b + v?.['c']": ['a', 'b', 'c'],
      'v => v.a.b.c(v.d)': ['a', 'd'],
      'v => v.items.map(item => item.price)': ['items'],
      'v => `${v.a}:${v.b}`': ['a', 'b'],
      'v => v.a?.b?.(v.c) ?? v.d': ['a', 'c', 'd'],
      'v => typeof v.a': ['a'],
      'v => !v?.a': ['a'],
      'v => ({ v: 1, w: v.a, [v.b]: 2 })': ['a', 'b'],
      'v => other.v + v.a': ['a'],
      'v => { v: for (;;) break v; return v.a }': ['a'],
      'v => ({ x: v.a.y } = v.b)': ['a', 'b'],
      'v => v.arguments': ['arguments'],
      "v => v['']": [''],
      'v => 1': [],
      '() => true': [],
    })
  })

  it('[5.5] when its first parameter is an object pattern', () => {
    assertFields({
      '({ a, b: { c }, "d e": f, g = 1, h: [i, ...j] = [] }) => a': ['a', 'b', 'd e', 'g', 'h'],
      '({ a: { ...rest } }) => rest': ['a'],
      'function ({ a }) { return a }': ['a'],
      '({}) => 1': [],
    })
  })

  it('[5.5] when an inner function reads members of the value too', () => {
    assertFields({
      'v => () => v.a': ['a'],
      'v => v.list.filter(x => x > v.min)': ['list', 'min'],
      'v => { function inner(x = v.b) { return v.a } return inner }': ['b', 'a'],
      'v => class { a = v.x; [v.y]() { return v.z } }': ['x', 'y', 'z'],
    })
  })

  it('[5.5] when an inner scope declares the name again', () => {
    assertFields({
      'v => v.list.map(v => v.whatever(v))': ['list'],
      'v => v.list.map(({ v }) => [v])': ['list'],
      'v => v.list.map(function v() { return v })': ['list'],
      'v => { function inner(v) { return v } return inner(v.a) }': ['a'],
      'v => { for (const v of [1]) use(v); return v.a }': ['a'],
      'v => { for (let v = 0; v < 3; v++) use(v); return v.a }': ['a'],
      'v => { try { return v.a } catch (v) { throw v } }': ['a'],
      'v => { { const v = 1; use(v) } return v.a }': ['a'],
      'v => { { class v {} use(v) } return v.a }': ['a'],
    })
  })

  it('[5.5] when it is async, and that is reported', () => {
    const use = analyseCallback(written('async v => await fetch(v.url)'))
    assert.deepEqual(use, { fields: ['url'], usesRecord: false, isAsync: true })
    assert.equal(analyseCallback(written('async function (v) { return v }')).isAsync, true)
    assert.equal(analyseCallback(written('v => async () => v.a')).isAsync, false)
  })
})

describe('[5.5] the whole record is decoded', () => {
  it('[5.5] when the value is used bare', () => {
    assertWhole({
      'v => v': /used as a whole/,
      'v => f(v)': /handed to a function/,
      'v => ({ ...v })': /spread/,
      'v => [...v]': /spread/,
      'v => { const w = v; return w.a }': /another name/,
      'v => { const { a } = v; return a }': /another name/,
      'v => { w = v }': /assigned/,
      'v => typeof v': /whole/,
      'v => v && v.a': /whole/,
      'v => v === null': /whole/,
      "v => 'a' in v": /whole/,
      'v => `${v}`': /whole/,
      'v => ({ v })': /whole/,
      'v => { for (const k in v) use(k) }': /whole/,
      'v => () => v': /whole/,
      'v => v`x`': /whole/,
      'v => new Map([[v, 1]])': /whole/,
      'async v => await v': /whole/,
    })
  })

  it('[5.5] when a member is called on it, changed, or known only when it runs', () => {
    assertWhole({
      'v => v.f()': /called/,
      'v => (v.f)()': /called/,
      'v => v?.f()': /called/,
      'v => v.f?.()': /called/,
      'v => (v?.f)()': /called/,
      'v => new v.F()': /called/,
      'v => v.tag`x`': /called/,
      "v => v.hasOwnProperty('a')": /called/,
      'v => v.hasOwnProperty': /every object/,
      'v => v.a++': /changed/,
      'v => --v.a': /changed/,
      'v => { v.a = 1 }': /assigned/,
      'v => { v.a ??= 1 }': /assigned/,
      'v => { [v.a] = [1] }': /assigned/,
      'v => { [...v.a] = [1] }': /assigned/,
      'v => { ({ x: v.a } = {}) }': /assigned/,
      'v => { ({ x: v.a = 1 } = {}) }': /assigned/,
      'v => { ({ ...v.a } = {}) }': /assigned/,
      'v => { for (v.a of []); }': /assigned/,
      'v => { for (v.a in {}); }': /assigned/,
      'v => delete v.a': /deleted/,
      'v => delete v?.a': /deleted/,
      'v => v[k]': /only when it runs/,
      'v => v[`a`]': /only when it runs/,
      'v => v[0]': /only when it runs/,
      'v => v.then': /then/,
      'v => v.__proto__': /every object/,
    })
  })

  it('[5.5] when the name may mean something else or the arguments can be reached otherwise', () => {
    assertWhole({
      'v => { v = 1 }': /assigned/,
      'function (v) { var v; return v.a }': /declared again/,
      'function (v) { function v() {} return v.a }': /whole/,
      'v => () => { use(v.a); if (x) { var v = 1 } }': /declared again/,
      'function (v) { return arguments[0] }': /arguments/,
      'v => arguments': /arguments/,
      "v => eval('v')": /eval/,
      'function (v) { with (v) { return a } }': /with/,
      '(v, w = v) => w': /another parameter/,
      '(v, w = v.a) => w': /another parameter/,
      'function (v, v) { return v.a }': /another parameter/,
      '(v = {}) => v.a': /neither a name nor/,
      '([a]) => a': /neither a name nor/,
      '(...args) => args[0].a': /neither a name nor/,
      '({ a, ...rest }) => rest': /rest/,
      '({ [k]: a }) => a': /computed/,
      '({ 0: a }) => a': /not a name/,
    })
  })

  it('[5.5] when it is no plain arrow or function', () => {
    const object = {
      method(v: { a: 1 }) {
        return v.a
      },
      get getter() {
        return 1
      },
      async later(v: { a: 1 }) {
        return v.a
      },
    }
    const getter = Object.getOwnPropertyDescriptor(object, 'getter')!.get!
    const arrow = (v: { a: 1 }) => v.a
    const proxy = new Proxy(arrow, {})
    for (const fn of [
      object.method,
      getter,
      object.later,
      arrow.bind(null),
      Math.max,
      Object,
      proxy,
      class A {},
    ])
      assert.equal(analyseCallback(fn).whole, true, String(fn))
    assertWhole({
      'function* (v) { yield v.a }': /generator/,
      'async function* (v) { yield v.a }': /generator/,
      'class { constructor(v) { v.a } }': /class/,
    })
  })

  it('[5.5] whatever the function says about its own source', () => {
    const fn = Object.assign((v: object) => v, { toString: () => 'v => v.a' })
    assert.equal(analyseCallback(fn).whole, true)
  })
})

describe('[5.5] a callback that a tool has rewritten', () => {
  const source = `export const callback = ({ visitor, url }) => visitor + url
export const other = value => { const total = value.first + (value?.second ?? 0); return total > 10 ? value.third : undefined }`

  async function check(code: string): Promise<void> {
    const { callback, other } = await import(`data:text/javascript,${encodeURIComponent(code)}`)
    assert.deepEqual(fieldsOf(callback), ['visitor', 'url'])
    assert.deepEqual(fieldsOf(other), ['first', 'second', 'third'])
  }

  it('[5.5] is read as it was after esbuild has minified it', async () => {
    for (const target of ['esnext', 'es2022', 'es2020'])
      await check((await esbuild.transform(source, { minify: true, format: 'esm', target })).code)
  })

  it('[5.5] is read as it was after esbuild has kept its names', async () => {
    await check((await esbuild.transform(source, { minify: true, keepNames: true, format: 'esm' })).code)
  })

  it('[5.5] falls back to the whole record where optional chains become copies', async () => {
    const { code } = await esbuild.transform('export const callback = v => v?.a', {
      format: 'esm',
      target: 'es2019',
    })
    const { callback } = await import(`data:text/javascript,${encodeURIComponent(code)}`)
    assert.equal(analyseCallback(callback).whole, true)
  })

  it('[5.5] is read as it was after terser has minified it', async () => {
    const { code } = await minify(source, {
      module: true,
      compress: { passes: 2 },
      mangle: { toplevel: false },
    })
    await check(code!)
  })

  it('[5.5] is read as it was when istanbul counts its statements and branches', () => {
    assertFields({
      'v=>{cov_1x2().f[0]++;cov_1x2().s[3]++;return v.ms>0}': ['ms'],
      'v => (cov_1x2().f[1]++, cov_1x2().s[4]++, (cov_1x2().b[0][0]++, v.a) || (cov_1x2().b[0][1]++, v.b))': [
        'a',
        'b',
      ],
      'function(v){/* istanbul ignore next */cov_1x2().f[2]++;if(v.a){cov_1x2().b[1][0]++;return v.b;}else{cov_1x2().b[1][1]++;}}':
        ['a', 'b'],
    })
  })

  it('[5.5] is read as it was when a test runner has rewritten its imports', () => {
    assertFields({
      'v => (0, __vi_import_0__.normalise)(v.url)': ['url'],
      'v => __vite_ssr_import_0__.normalise(v.url)': ['url'],
      'function (v) { return (0, _lib_1.normalise)(v.url) }': ['url'],
      '(v) => (stryMutAct_9fa48("0") ? () => undefined : (stryCov_9fa48("0"), v.ms > 0))': ['ms'],
    })
  })
})

describe('the second parameter', () => {
  it('is seen where it is named, or where that cannot be ruled out', () => {
    for (const source of [
      '(v, record) => record.key',
      '(v, { key }) => key',
      '(v, record = 1) => v.a',
      '(v, ...rest) => v.a',
      '(...all) => 1',
      'function (v) { return arguments }',
      "v => eval('1')",
      'function* (v) {}',
    ])
      assert.equal(analyseCallback(written(source)).usesRecord, true, source)
    assert.equal(analyseCallback(Math.max).usesRecord, true)
    assert.equal(analyseCallback({ m(_v: unknown) {} }.m).usesRecord, true)
  })

  it('is not seen where the function has one parameter or none', () => {
    for (const source of [
      'v => v.a',
      'v => v',
      '({ a }) => a',
      '() => 1',
      'function (v) { return v.a }',
      '(v = {}) => 1',
    ])
      assert.equal(analyseCallback(written(source)).usesRecord, false, source)
  })
})

describe('[5.5] a callback that gets the value behind a state', () => {
  const second = (source: string) => {
    const use = analyseCallback(written(source), 1)
    return use.whole ? use.reason : use.fields
  }

  it('[5.5] is projected by the members of its second parameter', () => {
    for (const [source, fields] of Object.entries({
      '(n, v) => n + v.a': ['a'],
      '(v, w) => { v.x = w.a; return v }': ['a'],
      '(n, { a, b }) => n + a * b': ['a', 'b'],
      '({ n }, v) => ({ n: n + v.a })': ['a'],
      '(n, v, record) => n + v.a + record.timestamp': ['a'],
      '(n, v, ...rest) => n + v.a': ['a'],
      'n => n + 1': [],
      '() => 1': [],
    }))
      assert.deepEqual(second(source), fields, source)
  })

  it('[5.5] gets the whole value where it may reach it in another way', () => {
    for (const [source, reason] of Object.entries({
      '(n, v) => v': /"v" is used as a whole/,
      '(n, ...[v]) => n + v.a': /second parameter is neither/,
      '(...all) => all[1].a': /taken as a list/,
      '(n, v, w = v) => n + w.b': /another parameter names "v"/,
      '(n, v = { a: 1 }) => n + v.a': /second parameter is neither/,
      'function (n, v) { return arguments[1] }': /"arguments"/,
    }))
      assert.match(String(second(source)), reason, source)
  })

  it('is seen to use the record where it has a third parameter', () => {
    assert.equal(analyseCallback(written('(n, v) => n'), 1).usesRecord, false)
    assert.equal(analyseCallback(written('(n, v, record) => n'), 1).usesRecord, true)
    assert.equal(analyseCallback(written('(n, ...rest) => n'), 1).usesRecord, true)
  })
})
