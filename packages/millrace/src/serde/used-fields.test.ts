import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type } from 'arktype'
import fc from 'fast-check'
import * as v from 'valibot'
import { z } from 'zod'
import { SchemaError } from './schema-error.ts'
import { usedFieldsValidator } from './used-fields.ts'

function checkOf(schema: StandardSchemaV1, fields: readonly string[]): (record: object) => void {
  const validator = usedFieldsValidator(schema, fields)
  assert.ok(validator.possible, validator.possible ? '' : validator.because)
  return validator.check
}

function accepts(check: (record: object) => void, record: object): boolean {
  try {
    check(record)
    return true
  } catch (error) {
    assert.ok(error instanceof SchemaError && error.reason === 'schema')
    return false
  }
}

function because(schema: StandardSchemaV1, fields: readonly string[] = ['a']): string {
  const validator = usedFieldsValidator(schema, fields)
  assert.equal(validator.possible, false)
  return validator.possible ? '' : validator.because
}

const zod = z.object({
  text: z.string().min(2).max(4),
  pattern: z.string().regex(/^a+b$/).optional(),
  int: z.int().min(-3).lt(100),
  real: z.number().gt(0.5).nullable(),
  flag: z.boolean(),
  pick: z.enum(['x', 'y']),
  fixed: z.literal([1, 'one', null]),
  list: z.array(z.string().min(1)).min(1).max(3),
  pair: z.tuple([z.number(), z.string()]),
  nested: z.object({ deep: z.object({ n: z.number() }), more: z.string().optional() }),
  strict: z.strictObject({ n: z.number() }),
  either: z.union([z.number(), z.object({ k: z.literal('v') })]),
  shape: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('c'), r: z.number() }),
    z.object({ kind: z.literal('s'), side: z.number() }),
  ]),
  map: z.record(z.string().max(2), z.number()),
  any: z.unknown(),
  mail: z.email(),
  id: z.uuid(),
})
const arktype = type({
  text: '2 <= string <= 4',
  'pattern?': /^a+b$/,
  int: '-3 <= number.integer < 100',
  real: 'number > 0.5 | null',
  flag: 'boolean',
  pick: "'x' | 'y'",
  list: '1 <= string[] <= 3',
  nested: { deep: { n: 'number' }, 'more?': 'string' },
  strict: { '+': 'reject', n: 'number' },
  either: ['number', '|', { k: "'v'" }],
  any: 'unknown',
  mail: 'string.email',
  id: 'string.uuid',
})

const interesting: readonly unknown[] = [
  ...['', 'a', 'ab', 'aab', 'abcde', 'x', 'one', 'a@b.co', '😀', '😀😀😀'],
  ...['11111111-1111-4111-8111-111111111111', '00000000-0000-0000-0000-000000000000'],
  ...[0, 1, 2, 4, 3.5, -3, -4, 99, 100, 0.5, 2 ** 53, 1e300, true, false, null],
  ...[[], [''], ['a'], [1, 'a'], ['a', 1], ['a', 'b', 'c', 'd']],
  ...[{}, { n: 1 }, { n: '1' }, { n: 1, o: 1 }, { k: 'v' }, { k: 'w' }, { abc: 1 }, { ab: 1 }],
  ...[
    { deep: { n: 1 } },
    { deep: { n: 1 }, more: 2 },
    { deep: {} },
    { kind: 'c', r: 1 },
    { kind: 's', r: 1 },
  ],
]

/** zod drops such a member of a record without looking at it; here it is checked like any other. */
function hasNoProto(value: unknown): boolean {
  return !JSON.stringify(value).includes('__proto__')
}

describe('usedFieldsValidator', () => {
  for (const [vendor, schema, fields] of [
    ['zod', zod, zod.shape],
    ['arktype', arktype, Object.fromEntries(arktype.props.map(prop => [prop.key, prop.value]))],
  ] as const) {
    it(`[5.6] accepts of each field exactly what ${vendor} itself accepts`, () => {
      for (const [name, field] of Object.entries(fields as Record<string, StandardSchemaV1>)) {
        const check = checkOf(schema, [name])
        const seen = { true: 0, false: 0 }
        const agree = (value: unknown) => {
          const result = field['~standard'].validate(value) as StandardSchemaV1.Result<unknown>
          const expected = result.issues === undefined
          seen[`${expected}`]++
          assert.equal(accepts(check, { [name]: value }), expected, `${name}: ${JSON.stringify(value)}`)
        }
        for (const value of interesting) agree(value)
        fc.assert(fc.property(fc.jsonValue().filter(hasNoProto), agree))
        assert.ok(seen.true > 0, `no value passed for ${name}`)
        assert.ok(seen.false > 0 || name === 'any', `no value failed for ${name}`)
      }
    })

    it(`[5.6] demands the required fields and leaves out the optional ones (${vendor})`, () => {
      const check = checkOf(schema, ['pattern', 'text'])
      check({ text: 'abc' })
      assert.throws(() => check({ pattern: 'ab' }), /text: is missing/)
      assert.throws(() => check({ text: 'abc', pattern: 'no' }), /pattern: must match/)
    })

    it(`[5.6] looks at no other field (${vendor})`, () => {
      checkOf(schema, ['text'])({ text: 'abc', int: 'no number' })
      checkOf(schema, [])({})
    })

    it(`[5.6] names the path of every field that is wrong (${vendor})`, () => {
      const check = checkOf(schema, ['list', 'nested', 'flag'])
      const record = { list: ['a', 2], nested: { deep: { n: '1' } }, flag: true }
      assert.throws(
        () => check(record),
        (error: unknown) => {
          assert.deepEqual(
            (error as SchemaError).issues.map(issue => issue.split(':')[0]),
            ['list[1]', 'nested.deep.n'],
          )
          return true
        },
      )
    })
  }

  it('[5.6] reads fields called __proto__, constructor and toString as members alone', () => {
    const fields = ['__proto__', 'constructor', 'toString']
    const jsonSchema = JSON.parse(
      '{"type":"object","properties":{"__proto__":{"type":"number"},"constructor":{"type":"number"},"toString":{"type":"number"}},' +
        '"required":["__proto__","constructor","toString"]}',
    )
    const convert = () => jsonSchema
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'own',
        validate: () => ({ value: 1 }),
        jsonSchema: { input: convert, output: convert },
      },
    } as StandardSchemaV1
    const check = checkOf(schema, fields)
    check(JSON.parse('{"__proto__":1,"constructor":2,"toString":3}'))
    assert.throws(
      () => check({}),
      (error: unknown) => (error as SchemaError).issues.length === 3,
    )
    assert.throws(
      () => check(JSON.parse('{"__proto__":{},"constructor":2,"toString":3}')),
      /__proto__: must be of type number/,
    )
  })

  it('[5.6] checks a nested member called __proto__ too', () => {
    const check = checkOf(zod, ['map'])
    assert.throws(() => check(JSON.parse('{"map":{"__proto__":{"n":1}}}')), /map.__proto__: /)
  })

  it('[5.6] does not take an inherited member for an optional field', () => {
    checkOf(z.object({ toString: z.number().optional() }), ['toString'])({})
  })

  it('[5.6] is not possible where the schema changes values, in any field', () => {
    assert.match(
      because(z.object({ a: z.string(), b: z.string().transform(Number) })),
      /a transform at 'b', which changes values/,
    )
    assert.match(because(z.object({ a: z.string().trim() })), /normalisation/)
    assert.match(because(z.object({ a: z.string().default('x') })), /default/)
    assert.match(because(z.object({ a: z.coerce.number() })), /coercion/)
    assert.match(because(z.object({ a: z.string().catch('x') })), /catch/)
    assert.match(because(type({ a: 'string.trim' })), /morph at 'a'/)
    assert.match(because(type({ a: "string = 'x'" })), /default/)
    assert.match(because(v.object({ a: v.pipe(v.string(), v.trim()) })), /trim/)
  })

  it('[5.6] is not possible where a check on these fields is missing from the JSON Schema', () => {
    assert.match(because(z.object({ a: z.string().refine(() => true) })), /refinement at 'a'/)
    assert.match(because(z.object({ a: z.array(z.string().superRefine(() => {})) })), /refinement at 'a'/)
    assert.match(because(z.object({ a: z.string() }).refine(() => true)), /refinement/)
    assert.match(because(z.object({ a: z.string().regex(/x/i) })), /flags/)
    assert.match(because(z.object({ a: z.url() })), /url/)
    assert.match(because(z.object({ a: z.string().pipe(z.email()) })), /pipe/)
    assert.match(because(type({ a: type('string').narrow(() => true) })), /narrow/)
    assert.match(because(type({ a: /x/i })), /flags/)
    assert.match(because(type({ a: 'string.url' })), /predicate/)
    assert.match(because(type({ a: 'Date' })), /Date/)
    assert.match(because(type({ a: 'string' }).narrow(() => true)), /narrow/)
  })

  it('[5.6] is not possible where libraries differ in what they allow for rounding', () => {
    assert.match(because(z.object({ a: z.number().multipleOf(2) })), /multipleOf/)
  })

  it('[5.6] stays possible where such a check is on a field that nobody reads', () => {
    const shared = z.string().refine(() => true)
    const schema = z.object({ a: z.string(), b: shared, c: shared })
    checkOf(schema, ['a'])({ a: 'x' })
    for (const field of ['b', 'c']) assert.match(because(schema, [field]), /refinement/)
    checkOf(type({ a: 'string', b: type('string').narrow(() => true) }), ['a'])({ a: 'x' })
  })

  it('[5.6] is not possible without a JSON Schema, for what is no object, for recursion and for unknown fields', () => {
    assert.match(because(v.object({ a: v.string() })), /valibot gives no JSON Schema/)
    assert.match(because(z.object({ a: z.string(), b: z.bigint() })), /no JSON Schema: BigInt/)
    assert.match(because(z.array(z.string())), /items|not objects/)
    assert.match(because(z.union([z.object({ a: z.string() }), z.object({ b: z.string() })])), /anyOf/)
    assert.match(because(z.object({ a: z.string() }), ['b']), /does not know the field 'b'/)
    const tree = z.object({
      n: z.number(),
      get a() {
        return z.array(tree)
      },
    })
    assert.match(because(tree), /\$ref/)
    checkOf(tree, ['n'])({ n: 1 })
    assert.match(because(type({ n: 'number', 'a?': 'this' }), ['n']), /reference|\$ref/)
  })

  it('[5.6] believes an unknown library only as far as its JSON Schemas for input and output agree', () => {
    const own = (input: object, output: object) =>
      ({
        '~standard': {
          version: 1,
          vendor: 'own',
          validate: () => ({ value: 1 }),
          jsonSchema: {
            input: () => ({ type: 'object', properties: { a: input } }),
            output: () => ({ type: 'object', properties: { a: output } }),
          },
        },
      }) as StandardSchemaV1
    assert.match(because(own({ type: 'string' }, { type: 'number' })), /changes 'a'/)
    assert.match(because(own({ uniqueItems: true }, { uniqueItems: true })), /uniqueItems/)
    assert.match(because(own({ default: 1 }, { default: 1 })), /default/)
    assert.match(because(own({ format: 'uri' }, { format: 'uri' })), /format 'uri'/)
    assert.throws(() => checkOf(own({ type: 'string' }, { type: 'string' }), ['a'])({ a: 1 }), SchemaError)
  })
})
