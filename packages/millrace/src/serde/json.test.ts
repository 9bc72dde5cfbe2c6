import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type } from 'arktype'
import fc from 'fast-check'
import * as v from 'valibot'
import { z } from 'zod'
import { type JsonSerde, json } from './json.ts'
import { SchemaError, type SchemaErrorReason } from './schema-error.ts'
import type { Serde } from './serde.ts'
import { KeyBuffer } from './sink.ts'

type Reader<T> = { deserialize(bytes: Uint8Array, start: number, end: number): T }

function read<T>(serde: Reader<T>, text: string): T {
  const framed = Buffer.from(`<${text}>`)
  return serde.deserialize(framed, 1, framed.length - 1)
}

function written<I>(serde: Serde<unknown, I>, value: I): string {
  const bytes = serde.serialize(value)
  const sink = new KeyBuffer(1)
  serde.serializeInto!(value, sink)
  assert.deepEqual(Buffer.from(sink.toBytes()), Buffer.from(bytes))
  return Buffer.from(bytes).toString('utf8')
}

function failure(reason: SchemaErrorReason, run: () => unknown): SchemaError {
  let caught: unknown
  try {
    run()
  } catch (error) {
    caught = error
  }
  assert.ok(caught instanceof SchemaError, `expected a SchemaError, got ${caught}`)
  assert.equal(caught.reason, reason)
  return caught
}

/** Runs `run`, then waits until a rejection that nobody handles would have been reported. */
async function unhandledDuring(run: () => void): Promise<unknown[]> {
  const seen: unknown[] = []
  const note = (reason: unknown) => seen.push(reason)
  process.on('unhandledRejection', note)
  try {
    run()
    await new Promise(resolve => setImmediate(resolve))
    await new Promise(resolve => setImmediate(resolve))
  } finally {
    process.off('unhandledRejection', note)
  }
  return seen
}

const schemas: Record<string, StandardSchemaV1<{ user: string; tags: string[] }>> = {
  zod: z.object({ user: z.string(), tags: z.array(z.string()) }),
  valibot: v.object({ user: v.string(), tags: v.array(v.string()) }),
  arktype: type({ user: 'string', tags: 'string[]' }),
}

describe('json without a schema', () => {
  it('[5.6] reads and writes what JSON reads and writes, checking nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const text = JSON.stringify(value)
        assert.equal(written(json<unknown>(), value), text)
        assert.deepEqual(read(json<unknown>(), text), JSON.parse(text))
      }),
    )
  })

  it('keeps __proto__, constructor and toString as members of the value alone', () => {
    const text = '{"__proto__":{"a":1},"constructor":2,"toString":3}'
    const value = read(json<Record<string, unknown>>(), text)
    assert.equal(Object.getPrototypeOf(value), Object.prototype)
    assert.equal(({} as { a?: unknown }).a, undefined)
    assert.equal(written(json<unknown>(), value), text)
  })

  it('refuses to write what JSON has no text for, and leaves the sink where it stood', () => {
    const sink = new KeyBuffer()
    for (const value of [undefined, () => 1, Symbol('s'), 1n]) {
      assert.throws(() => json<unknown>().serialize(value), TypeError)
      assert.throws(() => json<unknown>().serializeInto!(value, sink), TypeError)
    }
    assert.equal(sink.position, 0)
  })

  it('refuses a schema that is none', () => {
    for (const schema of [{}, { parse: () => 1 }, 'x', { '~standard': {} }]) {
      assert.throws(() => json(schema as never), /Standard Schema/)
    }
  })
})

describe('json with a schema', () => {
  for (const [vendor, schema] of Object.entries(schemas)) {
    it(`[5.6] checks what is read and what is written (${vendor})`, () => {
      const serde = json(schema)
      const good = { user: 'ann', tags: ['a'] }
      assert.deepEqual(read(serde, JSON.stringify(good)), good)
      assert.equal(written(serde, good), JSON.stringify(good))
      for (const run of [
        () => read(serde, '{"user":"ann","tags":["a",2]}'),
        () => serde.serialize({ user: 'ann', tags: ['a', 2] } as never),
        () => serde.serializeInto!({ user: 'ann', tags: ['a', 2] } as never, new KeyBuffer()),
        () => serde.json.serializeInput({ user: 'ann', tags: ['a', 2] }),
      ]) {
        const error = failure('schema', run)
        assert.equal(error.issues.length, 1)
        assert.match(error.issues[0]!, /^tags\[1\]: ./)
        assert.ok(error.message.includes(error.issues[0]!))
      }
      assert.equal(serde.json.transformation, 'none')
      assert.deepEqual(serde.json.parse(Buffer.from('{"user":1}'), 0, 10), { user: 1 })
    })

    it(`[5.6] keeps prototype names apart from members (${vendor})`, () => {
      const text = '{"user":"a","tags":[],"__proto__":{"x":1},"constructor":1,"toString":2}'
      const value = read(json(schema), text)
      assert.equal(value.user, 'a')
      assert.equal((value as { x?: unknown }).x, undefined)
      assert.equal(({} as { x?: unknown }).x, undefined)
      failure('schema', () => read(json(schema), '{"__proto__":{"user":"a","tags":[]}}'))
    })
  }

  it('[5.6] writes what a checked reader will see: without the members the schema takes out', () => {
    const serde = json(z.object({ a: z.number() }))
    assert.equal(written(serde, { a: 1, b: 2 } as never), '{"a":1}')
  })

  it('[5.6] gives the output to readers and takes the input from writers', () => {
    const serde: JsonSerde<{ n: number }, { n?: number | undefined }> = json(
      z.object({ n: z.number().default(7) }),
    )
    assert.equal(serde.json.transformation, 'normalises')
    assert.equal(written(serde, {}), '{}')
    assert.deepEqual(read(serde, '{}'), { n: 7 })
  })

  it('[5.6] demands encode at the declaration where a schema is seen to transform', () => {
    const transforming: StandardSchemaV1[] = [
      z.object({ at: z.string().transform(text => new Date(text)) }),
      z.array(z.union([z.number(), z.preprocess(String, z.string())])),
      z.codec(z.string(), z.number(), { decode: Number, encode: String }),
      v.object({ at: v.pipe(v.string(), v.transform(Number)) }),
      type({ at: 'string.numeric.parse' }),
    ]
    for (const schema of transforming) {
      const error = failure('encode', () => json(schema, {} as never))
      assert.match(error.message, /encode/)
    }
  })

  it('[5.6] writes the schema’s input through encode, and checks it', () => {
    const schema = z.object({ at: z.string().transform(text => Number(text)) })
    const serde = json(schema, { encode: value => ({ at: String(value.at) }) })
    assert.equal(written(serde, { at: 5 }), '{"at":"5"}')
    assert.deepEqual(read(serde, '{"at":"5"}'), { at: 5 })
    assert.equal(Buffer.from(serde.json.serializeInput({ at: '6' })).toString(), '{"at":"6"}')
    failure('schema', () => serde.json.serializeInput({ at: 6 }))
    const wrong = json(schema, { encode: value => value as never })
    assert.match(failure('schema', () => wrong.serialize({ at: 5 })).message, /encode returned/)
  })

  it('[5.6] writes inputs as they are with encode: false', () => {
    const serde = json(z.object({ at: z.string().transform(Number) }), { encode: false })
    assert.equal(written(serde, { at: '5' }), '{"at":"5"}')
    assert.deepEqual(read(serde, '{"at":"5"}'), { at: 5 })
  })

  it('[5.6] points to encode at the first write where the transformation could not be seen', () => {
    const hidden: StandardSchemaV1<string, number> = {
      '~standard': {
        version: 1,
        vendor: 'own',
        validate: given =>
          typeof given === 'string' ? { value: given.length } : { issues: [{ message: 'no text' }] },
      },
    }
    const serde = json(hidden, { encode: false })
    assert.equal(serde.json.transformation, 'unknown')
    assert.equal(read(serde, '"abc"'), 3)
    assert.match(failure('schema', () => serde.serialize(3 as never)).message, /no text.*encode/)
  })

  it('[7.5] answers an asynchronous schema with an error, never an unhandled rejection', async () => {
    const promised = (text: string) => Promise.resolve(text === 'y')
    const asynchronous: Record<string, StandardSchemaV1<string>> = {
      'zod refine': z.string().refine(promised),
      'zod superRefine': z.string().superRefine(async () => {}),
      own: {
        '~standard': { version: 1, vendor: 'own', validate: () => Promise.reject(new Error('async')) },
      },
      'own thenable': {
        '~standard': {
          version: 1,
          vendor: 'own',
          // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
          validate: () => ({ then: (_: never, no: () => void) => no() }) as never,
        },
      },
    }
    for (const [vendor, schema] of Object.entries(asynchronous)) {
      const serde = json(schema)
      const unhandled = await unhandledDuring(() => {
        failure('async-schema', () => read(serde, '"x"'))
        failure('async-schema', () => serde.serialize('x'))
      })
      assert.deepEqual(unhandled, [], vendor)
    }
  })

  it('[7.5] refuses at the declaration what is seen to be asynchronous', () => {
    const check = async () => Promise.reject(new Error('never called'))
    const asynchronous: StandardSchemaV1<unknown>[] = [
      z.object({ a: z.string().refine(check) }),
      z.object({ a: z.string().check(check) }),
      z.array(z.string().transform(check)),
      v.objectAsync({ a: v.pipeAsync(v.string(), v.checkAsync(check)) }),
    ]
    for (const schema of asynchronous) {
      assert.match(failure('async-schema', () => json(schema, { encode: false })).message, /asyncMap/)
    }
  })

  it('[7.5] catches zod’s synchronous refinement that throws, which answers with a rejected promise', async () => {
    let thrown = 0
    const schema = z.string().refine(() => {
      thrown++
      throw new Error('refinement')
    })
    const unhandled = await unhandledDuring(() => {
      const error = failure('async-schema', () => read(json(schema), '"x"'))
      assert.match(error.message, /refinement in it threw/)
    })
    assert.ok(thrown > 0)
    assert.deepEqual(unhandled, [])
  })

  it('[7.5] names a schema that throws, with the cause', () => {
    const cause = new Error('kaputt')
    const fail = (): never => {
      throw cause
    }
    const throwing: StandardSchemaV1<string>[] = [
      v.pipe(v.string(), v.check(fail)),
      type('string').narrow(fail),
      { '~standard': { version: 1, vendor: 'own', validate: fail } },
    ]
    for (const schema of throwing) {
      const error = failure('schema-threw', () => read(json(schema), '"x"'))
      assert.match(error.message, /kaputt/)
      assert.equal(error.cause, cause)
    }
    const broken = { '~standard': { version: 1, vendor: 'own', validate: () => undefined } } as never
    failure('schema-threw', () => read(json<StandardSchemaV1<string>>(broken), '"x"'))
  })
})

describe('the types of json', () => {
  it('[5.6] follow the schema: readers get its output, writers give its input', () => {
    const defaults = json(z.object({ a: z.string().default('x') }))
    const _reads: Serde<{ a: string }, { a?: string | undefined }> = defaults
    const encoded = json(z.string().transform(Number), { encode: String })
    const _same: Serde<number, number> = encoded
    const arktype = json(type({ 'n?': 'number' }))
    const _ark: Serde<{ n?: number }> = arktype
    // @ts-expect-error the schema transforms string to number: encode is missing
    assert.throws(() => json(z.string().transform(Number)), SchemaError)
    // @ts-expect-error encode must give the schema's input
    json(z.string().transform(Number), { encode: (value: number) => value })
  })
})
