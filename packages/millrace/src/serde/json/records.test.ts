/** Random JSON records for differential tests. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'

/** A record inside a buffer, between bytes of other records; the ones behind it are the ones a scan must not believe. */
export function padded(record: string | Buffer): { buffer: Buffer; start: number; end: number } {
  const bytes = Buffer.from(record as string)
  const before = Buffer.from('{"x":')
  const after = Buffer.from(AFTER[(bytes.length + (bytes[bytes.length >> 1] ?? 0)) % AFTER.length]!)
  const buffer = Buffer.concat([before, bytes, after, Buffer.alloc(64, after.at(-1))])
  return { buffer, start: before.length, end: before.length + bytes.length }
}

const AFTER = ['}', '"', '"}', '1', '000}', ' ', 'é', '\\', ',"a":1}', '{"a":1}', ']}', 'ue}', '\0']

/** What a call gives, or the error it throws, to be compared deeply. */
export function outcome(call: () => unknown): { value: unknown } | { error: string } {
  try {
    return { value: call() }
  } catch (error) {
    return { error: (error as Error).name }
  }
}

/** The specification of `decode`: what the parser gave, with the chosen members alone. */
export function picked(value: unknown, fields: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(
    fields.filter(f => Object.hasOwn(value, f)).map(f => [f, (value as Record<string, unknown>)[f]]),
  )
}

const SPACES = ['', '', '', '', ' ', '  ', '\n', '\t\r', ' \n \t']
const SCALARS = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '-0.0',
  '1',
  '12',
  '1234',
  '12345678',
  '999999999999999',
  '1000000000000000',
  '9007199254740993',
  '123456789012345678901234567890',
  '1.5',
  '-12.25',
  '0.1',
  '0.30000000000000004',
  '123456.789012345',
  '0.000000000000001',
  '1e5',
  '1E+5',
  '-1.5e-7',
  '1e400',
  '-1e400',
  '5e-324',
  '1e-400',
  '01',
  '1.',
  '.5',
  '+1',
  '-',
  '1e',
  'tru',
  'nul',
  'NaN',
  '00',
  '-01',
  '1x',
  '""',
  '"x"',
  '"abc"',
  '"abcd"',
  '"abcde"',
  '"some longer text in here"',
  '"é"',
  '"日本語 and more"',
  '"😀"',
  '"\\n"',
  '"\\\\"',
  '"\\\\\\""',
  '"\\u00e9"',
  '"\\ud83d\\ude00"',
  '"\\ud800"',
  '"\\/x"',
  '"\\x"',
  '"\\u12g4"',
  '"a\tb"',
  '"\u007f"',
  '"\u2028"',
  '"\ufffd"',
  '"}"',
  '"{\\"a\\":1}"',
  '[]',
  '{}',
  '[1,2,3]',
  '{"a":1}',
  '{"a":{"a":"}"}}',
  '[[[["x"]]]]',
  '[1,]',
  '{"a"}',
  '[',
  '{"a":1,"a":2}',
  '{"\\u0061":[]}',
  `${'['.repeat(70)}${']'.repeat(70)}`,
]

/** Text of any code points, lone surrogates included; fast-check's own `binary` unit takes seconds to set up. */
export function anyText(): fc.Arbitrary<string> {
  const unit = fc.oneof(fc.nat(0x7f), fc.nat(0x7ff), fc.nat(0x10ffff)).map(code => String.fromCodePoint(code))
  return fc.string({ unit })
}

function value(): fc.Arbitrary<string> {
  return fc.oneof(
    { arbitrary: fc.constantFrom(...SCALARS), weight: 4 },
    { arbitrary: fc.integer().map(String), weight: 2 },
    { arbitrary: fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }).map(String), weight: 1 },
    { arbitrary: fc.double().map(n => JSON.stringify(n)), weight: 1 },
    { arbitrary: anyText().map(s => JSON.stringify(s)), weight: 1 },
    { arbitrary: fc.json({ maxDepth: 3 }), weight: 1 },
  )
}

function key(fields: readonly string[]): fc.Arbitrary<string> {
  const names = [
    ...fields,
    ...fields,
    'other',
    '__proto__',
    'toString',
    'é',
    'x1234567890123456789012345678901234567890123456',
  ]
  return fc.oneof(
    { arbitrary: fc.constantFrom(...names).map(name => JSON.stringify(name)), weight: 12 },
    {
      arbitrary: fc.constantFrom(
        '"\\u0061"',
        '"us\\u0065r"',
        '"a\\n"',
        '"\\ufffd"',
        '"\\ud800"',
        'a',
        '"a',
        "'a'",
      ),
      weight: 1,
    },
    { arbitrary: fc.string().map(s => JSON.stringify(s)), weight: 1 },
  )
}

/** Records as one writer spells them again and again: what layouts are learned from. */
function steady(fields: readonly string[]): fc.Arbitrary<string> {
  return fc
    .record({
      order: fc.constantFrom(0, 0, 0, 1, 2),
      values: fc.array(value(), { minLength: fields.length, maxLength: fields.length }),
      space: fc.constantFrom('', '', '', ' '),
    })
    .map(({ order, values, space }) => {
      const members = fields.map((field, i) => `${JSON.stringify(field)}:${space}${values[i]}`)
      for (let i = 0; i < order; i++) members.push(members.shift()!)
      return `{${members.join(`,${space}`)}}`
    })
}

function loose(fields: readonly string[]): fc.Arbitrary<string> {
  const space = fc.constantFrom(...SPACES)
  const member = fc.tuple(space, key(fields), space, space, value(), space)
  return fc.tuple(space, fc.array(member, { maxLength: 7 }), space).map(([before, members, after]) => {
    const texts = members.map(([s1, k, s2, s3, v, s4]) => `${s1}${k}${s2}:${s3}${v}${s4}`)
    return `${before}{${texts.join(',')}}${after}`
  })
}

interface Mutation {
  readonly kind: 'none' | 'flip' | 'cut' | 'insert' | 'drop' | 'double' | 'bom'
  readonly at: number
  readonly byte: number
}

function mutate(bytes: Buffer, { kind, at, byte }: Mutation): Buffer {
  const i = bytes.length === 0 ? 0 : at % bytes.length
  switch (kind) {
    case 'none':
      return bytes
    case 'flip':
      return Buffer.concat([bytes.subarray(0, i), Buffer.of(byte), bytes.subarray(i + 1)])
    case 'cut':
      return bytes.subarray(0, i)
    case 'insert':
      return Buffer.concat([bytes.subarray(0, i), Buffer.of(byte), bytes.subarray(i)])
    case 'drop':
      return Buffer.concat([bytes.subarray(0, i), bytes.subarray(i + 1)])
    case 'double':
      return Buffer.concat([bytes.subarray(0, i), bytes.subarray(i >> 1)])
    case 'bom':
      return Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), bytes])
  }
}

/** Records of all sorts, whole and broken, that a projection of `fields` may meet. */
export function between(fields: readonly string[]): fc.Arbitrary<Buffer> {
  const text = fc.oneof(
    { arbitrary: steady(fields), weight: 5 },
    { arbitrary: loose(fields), weight: 4 },
    { arbitrary: fc.json(), weight: 1 },
    { arbitrary: value(), weight: 1 },
  )
  const byte = fc.oneof(
    fc.constantFrom(...Buffer.from('"\\{}[],:0e. \n'), 0, 31, 128, 0xc3, 0xed, 0xff),
    fc.nat(255),
  )
  const mutation = fc.record({
    kind: fc.constantFrom<Mutation['kind'][]>(
      'none',
      'none',
      'none',
      'none',
      'flip',
      'flip',
      'cut',
      'insert',
      'drop',
      'double',
      'bom',
    ),
    at: fc.nat(10_000),
    byte,
  })
  return fc.tuple(text, mutation).map(([json, how]) => mutate(Buffer.from(json), how))
}

describe('random records', () => {
  it('are whole and broken in good measure', () => {
    const records = fc.sample(between(['a', 'b']), 400)
    const whole = records.filter(record => 'value' in outcome(() => JSON.parse(record.toString())))
    assert.ok(whole.length > 100 && whole.length < 300, `${whole.length} of 400 are whole`)
  })
})
