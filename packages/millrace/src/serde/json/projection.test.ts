import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { compileProjection, decodeWhole, type JsonProjection, Tag } from './projection.ts'
import { between, outcome, padded, picked } from './records.test.ts'

const FIELDS = ['user', 'ms', 'a', 'page', '']
const CASES = Number(process.env.MILLRACE_FUZZ_CASES ?? 20_000)

/** A projection that has met these records. */
function trained(fields: readonly string[], ...records: string[]): JsonProjection {
  const projection = compileProjection(fields)
  for (const record of records) {
    const { buffer, start, end } = padded(record)
    projection.decode(buffer, start, end)
  }
  return projection
}

function decode(projection: JsonProjection, json: string | Buffer): unknown {
  const { buffer, start, end } = padded(json)
  return projection.decode(buffer, start, end)
}

describe('a JSON projection', () => {
  it('decodes the fields alone, in their order, and leaves out what is absent', () => {
    const projection = compileProjection(['ms', 'user'])
    const value = decode(projection, '{"user":"ann","at":1,"ms":2.5}')
    assert.deepEqual(value, { ms: 2.5, user: 'ann' })
    assert.deepEqual(Object.keys(value as object), ['ms', 'user'])
    assert.deepEqual(decode(projection, '{"user":null,"at":1}'), { user: null })
    assert.deepEqual(decode(projection, '{}'), {})
  })

  it('gives a fresh object each time', () => {
    const projection = compileProjection(['a'])
    assert.notEqual(decode(projection, '{"a":1}'), decode(projection, '{"a":1}'))
  })

  it('answers repeated layouts by the layout, other orders by the scanner, escaped names by the parser', () => {
    const projection = compileProjection(['user', 'ms'])
    for (let ms = 0; ms < 10; ms++) decode(projection, `{"user":"u${ms}","ms":${ms}}`)
    assert.deepEqual(projection.stats, { layout: 9, scanner: 1, parser: 0 })
    assert.deepEqual(decode(projection, '{ "ms" : 1, "user" : "x" }'), { user: 'x', ms: 1 })
    assert.deepEqual(projection.stats, { layout: 9, scanner: 2, parser: 0 })
    assert.deepEqual(decode(projection, '{"us\\u0065r":"x","ms":1}'), { user: 'x', ms: 1 })
    assert.deepEqual(projection.stats, { layout: 9, scanner: 2, parser: 1 })
  })

  it('learns a few layouts of one source and keeps a value that changes its type', () => {
    const projection = compileProjection(['a', 'b'])
    for (let i = 0; i < 200; i++) {
      assert.deepEqual(decode(projection, `{"a":${i},"b":[1]}`), { a: i, b: [1] })
      assert.deepEqual(decode(projection, `{"b": "x", "a": {"c":"}"}}`), { a: { c: '}' }, b: 'x' })
      assert.deepEqual(decode(projection, `{"a":null,"b":-0}`), { a: null, b: -0 })
    }
    assert.ok(projection.stats.layout > 550, JSON.stringify(projection.stats))
  })

  it('runs the scanner alone where no layout holds, and comes back to layouts later', () => {
    const projection = compileProjection(['k1', 'k7'])
    for (let i = 0; i < 6000; i++) decode(projection, `{"x${i}":1,"k${i % 9}":${i}}`)
    assert.equal(projection.stats.parser, 0)
    const before = projection.stats.layout
    for (let i = 0; i < 20_000; i++) decode(projection, `{"k1":${i},"k7":2}`)
    assert.ok(projection.stats.layout - before > 10_000, JSON.stringify(projection.stats))
  })

  it('returns a record that is no object as it is', () => {
    const projection = compileProjection(['a'])
    for (const json of ['[1,{"a":2}]', '3', '"text"', 'null', 'true', ' -0 '])
      assert.deepEqual(decode(projection, json), JSON.parse(json))
  })

  it('throws the SyntaxError of JSON.parse', () => {
    const projection = trained(['a'], '{"a":1}', '{"a":1}')
    for (const json of [
      '',
      '{',
      '{"a":1',
      '{"a":01}',
      '{"a":1}}',
      '{"a":"\u0001"}',
      '{"a":1,}',
      '\ufeff{"a":1}',
    ]) {
      assert.deepEqual(
        outcome(() => decode(projection, json)),
        outcome(() => JSON.parse(json)),
      )
    }
  })

  it('keeps the last of duplicated members, whatever their types', () => {
    const projection = compileProjection(['a'])
    for (const json of [
      '{"a":1,"a":"x"}',
      '{"a":"x","a":[1]}',
      '{"a":{},"a":null}',
      '{"a":1,"a":1,"\\u0061":2}',
    ])
      assert.deepEqual(decode(projection, json), JSON.parse(json))
  })

  it('accepts nothing that goes on into the next record', () => {
    const projection = trained(['a', 'b'], '{"a":1,"b":"x"}', '{"a":1,"b":"x"}')
    for (const whole of ['{"a":12,"b":"xyz"}', '{"a":1,"b":"x"}', '{ "b":"\\u00e9é","a":[1,2,{"c":true}]}'])
      for (let cut = 0; cut < Buffer.byteLength(whole); cut++) {
        const buffer = Buffer.concat([Buffer.from(whole), Buffer.alloc(64, ' ')])
        assert.equal(projection.scan(buffer, 0, cut), false)
        assert.throws(() => projection.decode(buffer, 0, cut), SyntaxError)
      }
  })

  it('survives nesting of 100,000 levels', () => {
    const projection = trained(['a'], '{"a":1,"b":2}', '{"a":1,"b":2}')
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    assert.deepEqual(decode(projection, `{"a":1,"b":${deep}}`), { a: 1 })
    assert.throws(() => decode(projection, `{"a":1,"b":${deep.slice(1)}}`), SyntaxError)
  })

  it('decodes names that no byte comparison can tell through the parser', () => {
    for (const name of ['__proto__', 'toString', 'then', '\ufffd', '\ud800']) {
      const projection = compileProjection([name])
      const json = JSON.stringify({ other: 1, [name]: 0 }).replace(
        '"other":1',
        `${JSON.stringify(name)}:1,"other":1`,
      )
      const value = decode(projection, json) as object
      assert.deepEqual(
        Object.getOwnPropertyDescriptor(value, name),
        Object.getOwnPropertyDescriptor(JSON.parse(json), name),
      )
      assert.equal(projection.stats.parser, 1)
    }
  })

  it('works without generated code', () => {
    const projection = compileProjection(['a'], { generate: false })
    assert.deepEqual(decode(projection, '{"b":1,"a":"x"}'), { a: 'x' })
    assert.deepEqual(decode(projection, '{"b":1}'), {})
    assert.throws(() => decode(projection, '{'), SyntaxError)
    const { buffer, start, end } = padded('{"a":1}')
    assert.equal(projection.scan(buffer, start, end), false)
    assert.deepEqual(projection.stats, { layout: 0, scanner: 0, parser: 3 })
  })

  it('finds out where a process forbids generated code', () => {
    const url = new URL('./projection.ts', import.meta.url)
    const script = `const { compileProjection } = await import(${JSON.stringify(url.href)})
      const projection = compileProjection(['a'])
      const buffer = Buffer.from('{"b":1,"a":"x"}' + ' '.repeat(64))
      process.stdout.write(JSON.stringify([projection.decode(buffer, 0, 15), projection.stats]))`
    const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', script]
    const output = execFileSync(process.execPath, flags, { encoding: 'utf8' })
    assert.equal(output, '[{"a":"x"},{"layout":0,"scanner":0,"parser":1}]')
  })

  it('decodes whole records as JSON.parse does', () => {
    for (const json of [
      '{"a":"é","b":[1]}',
      '{"a":"ascii only, and long enough","b":[1]}',
      '3',
      'null',
      '"12345678é"',
    ]) {
      const { buffer, start, end } = padded(json)
      assert.deepEqual(decodeWhole(buffer, start, end), JSON.parse(json))
    }
    const { buffer, start, end } = padded('{')
    assert.throws(() => decodeWhole(buffer, start, end), SyntaxError)
  })

  it('agrees with JSON.parse on every record, whole or broken, after any training', () => {
    const projections = new Map<string, JsonProjection>()
    fc.assert(
      fc.property(fc.subarray(FIELDS), fc.infiniteStream(between(FIELDS)), (fields, stream) => {
        // One projection meets many records, so it is trained; from time to time a new one starts.
        const key = fields.join(' ')
        const old = projections.get(key)
        const projection = old !== undefined && old.stats.scanner < 3000 ? old : compileProjection(fields)
        projections.set(key, projection)
        for (const record of stream.take(10)) compare(projection, record)
      }),
      { numRuns: CASES / 10 },
    )
    const totals = { layout: 0, scanner: 0, parser: 0 }
    for (const { stats } of projections.values())
      for (const tier of ['layout', 'scanner', 'parser'] as const) totals[tier] += stats[tier]
    for (const [tier, count] of Object.entries(totals)) assert.ok(count > CASES / 1000, `${tier}: ${count}`)
  })
})

function compare(projection: JsonProjection, record: Buffer): void {
  const { buffer, start, end } = padded(record)
  const expected = outcome(() => picked(JSON.parse(record.toString('utf8')), projection.fields))
  const actual = outcome(() => projection.decode(buffer, start, end))
  assert.deepEqual(actual, expected, record.toString())
  if (!projection.scan(buffer, start, end)) return
  assert.ok('value' in expected, 'a scan accepts only what the parser accepts')
  projection.fields.forEach((field, k) => {
    const present = Object.hasOwn(expected.value as object, field)
    assert.equal(projection.tags[k] !== Tag.Absent, present)
    assert.deepEqual(projection.value(k), (expected.value as Record<string, unknown>)[field])
    checkSlot(projection, buffer, k)
  })
}

function checkSlot({ tags, ranges, numbers, value, text }: JsonProjection, buffer: Buffer, k: number): void {
  const raw = buffer.toString('utf8', ranges[2 * k], ranges[2 * k + 1])
  if (tags[k] === Tag.Number) assert.ok(Object.is(numbers[k], JSON.parse(raw)))
  else if (tags[k] === Tag.Ascii || tags[k] === Tag.Utf8) assert.equal(text(k), raw)
  else if (tags[k] === Tag.Escaped) assert.equal(text(k), JSON.parse(`"${raw}"`))
  else if (tags[k] !== Tag.Absent) assert.deepEqual(value(k), JSON.parse(raw))
}
