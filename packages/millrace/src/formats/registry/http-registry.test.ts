import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { VirtualClock } from '../../std/clock.ts'
import { RegistryServer } from '../testkit/registry-server.ts'
import { schemaRegistry } from './http-registry.ts'
import { RegistryError } from './registry-error.ts'

const order = { type: 'AVRO', text: '{"type":"record","name":"Order","fields":[]}' } as const
const quick = { retryMs: 1 }

function refused(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof RegistryError)
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  }
}

describe('A schema registry over HTTP', () => {
  test('registers, looks up and lists, by the paths of the Confluent API', async () => {
    await using server = await RegistryServer.start()
    const registry = schemaRegistry({ url: `${server.url}/` })
    const id = await registry.register('a/b-value', order)
    assert.equal(id, 1)
    assert.deepEqual(await registry.version('a/b-value', 'latest'), {
      subject: 'a/b-value',
      version: 1,
      id,
      schema: { ...order, references: [] },
    })
    assert.deepEqual(await registry.lookup('a/b-value', order), await registry.version('a/b-value', 1))
    assert.equal(await registry.lookup('a/b-value', { ...order, text: '"int"' }), undefined)
    assert.deepEqual(await registry.subjects(), ['a/b-value'])
    assert.deepEqual(await registry.versions('a/b-value'), [1])
    assert.deepEqual(await registry.check('a/b-value', order), { compatible: true, reasons: [] })
    await registry.setCompatibility('FULL', 'a/b-value')
    assert.equal(await registry.compatibility('a/b-value'), 'FULL')
    assert.equal(await registry.compatibility(), 'BACKWARD')
    assert.deepEqual(server.requests.slice(0, 3), [
      'POST /subjects/a%2Fb-value/versions',
      'GET /subjects/a%2Fb-value/versions/latest',
      'POST /subjects/a%2Fb-value',
    ])
  })

  test('asks once for what never changes, however many want to know it', async () => {
    await using server = await RegistryServer.start()
    const registry = schemaRegistry({ url: server.url })
    await Promise.all([registry.register('s', order), registry.register('s', order)])
    await Promise.all([registry.schema(1), registry.schema(1)])
    await registry.schema(1)
    assert.deepEqual(server.requests, ['POST /subjects/s/versions', 'GET /schemas/ids/1'])
  })

  test('brings what a schema refers to, each behind what it needs itself', async () => {
    await using server = await RegistryServer.start()
    const registry = schemaRegistry({ url: server.url })
    await registry.register('money', { type: 'AVRO', text: '"money"' })
    const money = { name: 'Money', subject: 'money', version: 1 }
    await registry.register('line', { type: 'AVRO', text: '"line"', references: [money] })
    const line = { name: 'Line', subject: 'line', version: 1 }
    const id = await registry.register('cart', { type: 'AVRO', text: '"cart"', references: [line, money] })
    const { needs } = await registry.schema(id)
    assert.deepEqual(needs, [
      { name: 'Money', text: '"money"' },
      { name: 'Line', text: '"line"' },
    ])
  })

  test('logs in as it is told, or as its url says, and shows no password', async () => {
    await using server = await RegistryServer.start()
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    const withLogin = server.url.replace('//', '//ada:s%3Aecret@')
    await schemaRegistry({ url: server.url, auth: { user: 'bob', password: 'pw' } }).subjects()
    await schemaRegistry({ url: withLogin }).subjects()
    await schemaRegistry({ url: server.url, auth: { token: async () => 'abc' } }).subjects()
    assert.deepEqual(server.logins, [basic('bob:pw'), basic('ada:s:ecret'), 'Bearer abc'])
    server.fault = () => ({ status: 401, body: { error_code: 401, message: 'Unauthorized' } })
    await assert.rejects(schemaRegistry({ url: withLogin }).subjects(), (error: Error) => {
      assert.doesNotMatch(error.message, /s%3Aecret|s:ecret/)
      return refused(
        'unauthorized',
        /answered 401 to GET http:.*\/subjects: Unauthorized. Check `auth`/,
      )(error)
    })
  })

  test('goes on to the next url when one does not answer, and stays there', async () => {
    await using down = await RegistryServer.start()
    await using up = await RegistryServer.start()
    down.fault = () => 'cut'
    const registry = schemaRegistry({ url: [down.url, up.url], retries: 0 })
    assert.deepEqual(await registry.subjects(), [])
    assert.deepEqual(await registry.subjects(), [])
    assert.equal(down.requests.length, 1)
    assert.equal(up.requests.length, 2)
  })

  test('tries again what failed for the moment, with pauses that grow, and then says who did not answer', async () => {
    await using server = await RegistryServer.start()
    server.fault = () => ({ status: 503, body: 'busy' })
    const waits: number[] = []
    const clock = new VirtualClock()
    const noting = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after(ms: number, callback: () => void) {
        if (ms < 1000) {
          waits.push(ms)
          callback()
        }
        return () => {}
      },
    }
    const registry = schemaRegistry({ url: server.url, clock: noting })
    await assert.rejects(registry.subjects(), refused('unreachable', /answered 503 to GET/))
    assert.deepEqual(waits, [100, 200, 400])
    let left = 2
    server.fault = () => (left-- > 0 ? 'cut' : undefined)
    assert.deepEqual(await registry.subjects(), [])
    assert.equal(left, -1)
  })

  test('gives up a request that is not answered in time', async () => {
    const clock = new VirtualClock()
    const asking = Promise.withResolvers<void>()
    const never: typeof fetch = (_, options) => {
      asking.resolve()
      return new Promise((_, reject) =>
        options!.signal!.addEventListener('abort', () => reject(options!.signal!.reason)),
      )
    }
    const registry = schemaRegistry({ url: 'http://r:1', clock, fetch: never, retries: 0, timeoutMs: 500 })
    const asked = registry.subjects()
    await asking.promise
    clock.advance(500)
    await assert.rejects(asked, refused('unreachable', /no answer within 500 ms/))
  })

  test('asks again for an id that a follower does not have yet, and then says that there is none', async () => {
    await using server = await RegistryServer.start()
    await server.registry.register('s', order)
    const registry = schemaRegistry({ url: server.url, ...quick })
    let lags = 1
    const unknown = { status: 404, body: { error_code: 40403, message: 'Schema not found' } }
    server.fault = () => (lags-- > 0 ? unknown : undefined)
    assert.equal((await registry.schema(1)).text, order.text)
    assert.equal(lags, -1)
    await assert.rejects(registry.schema(9), refused('not-found', /There is no schema 9/))
    // What failed is asked for anew.
    await server.registry.register('s', { ...order, text: '"x"' })
    assert.equal((await registry.schema(2)).text, '"x"')
  })

  test('says what is wrong: the url, the rule that a schema breaks, what the registry refused', async () => {
    await using server = await RegistryServer.start()
    const registry = schemaRegistry({ url: server.url, ...quick })
    server.fault = () => ({ status: 404, body: '<html>' })
    await assert.rejects(registry.schema(1), refused('refused', /Is the url right/))
    server.fault = () => ({ status: 200, body: '<html>' })
    await assert.rejects(registry.subjects(), refused('refused', /Is the url right/))
    server.fault = () => ({ status: 409, body: { error_code: 409, message: 'field y has no default' } })
    await assert.rejects(
      registry.register('s', order),
      refused('incompatible', /field y has no default.*the rule of subject s/),
    )
    server.fault = () => ({ status: 422, body: { error_code: 42201, message: 'Invalid schema' } })
    await assert.rejects(registry.register('s', order), refused('refused', /Invalid schema/))
    assert.throws(() => schemaRegistry({ url: 'localhost:8081' }), /give one such as 'http:/)
    assert.throws(() => schemaRegistry({ url: [] }), /url is empty/)
  })

  test('says what the network said when nobody is there', async () => {
    const server = await RegistryServer.start()
    const { url } = server
    await server[Symbol.asyncDispose]()
    await assert.rejects(
      schemaRegistry({ url, retries: 0 }).subjects(),
      refused('unreachable', /does not answer \(GET http:.*ECONNREFUSED/),
    )
  })
})
