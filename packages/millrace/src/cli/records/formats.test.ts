import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RegistryServer } from '../../formats/testkit/registry-server.ts'
import { CommandSession } from '../testkit/command-line.ts'
import { testProject } from '../testkit/project.ts'

function files(url: string): Record<string, string> {
  return {
    'pipelines/orders.ts': `import { pipeline, topic } from 'millrace'
import { avro } from 'millrace/avro'
import { schemaRegistry } from 'millrace/registry'
const registry = schemaRegistry({ url: '${url}', retries: 0 })
const schema = { type: 'record', name: 'Order', fields: [
  { name: 'id', type: 'string' }, { name: 'n', type: 'long' }, { name: 'data', type: 'bytes', default: '\\u0001\\u0002' },
] }
const orders = topic('orders', {
  value: avro({ registry, schema, longs: 'bigint' }), keySerde: avro({ registry, schema: 'string' }), key: 'id',
})
const copies = topic('copies', { value: avro({ registry, schema, longs: 'bigint' }) })
export default pipeline('orders', p => { p.from(orders).map(order => order).to(copies) })
`,
  }
}

describe('produce, run and consume', () => {
  it('write and read a topic whose schemas are in a registry', async () => {
    await using server = await RegistryServer.start()
    using project = testProject(files(server.url))
    await using session = new CommandSession(project.directory)
    const produced = await session.run(['produce', 'orders'], { stdin: '{"id":"a","n":5}\n' })
    assert.equal(produced.exitCode, 0, produced.stderr)
    const refused = await session.run(['produce', 'orders'], { stdin: '{"id":"a","n":"x"}\n' })
    assert.match(refused.stderr, /Line 1 .*n: "x" is no/)
    const ran = await session.run(['run', 'pipelines/orders.ts', '--once'])
    assert.equal(ran.exitCode, 0, ran.stderr)
    for (const name of ['orders', 'copies']) {
      const { stdout, stderr } = await session.run(['consume', name, '--json'])
      const { key, value } = JSON.parse(stdout || stderr)
      assert.equal(key, 'a')
      assert.deepEqual(value, { id: 'a', n: '5', data: 'base64:AQI=' })
    }
    assert.deepEqual(await server.registry.subjects(), ['copies-value', 'orders-key', 'orders-value'])
  })

  it('say that the registry does not answer', async () => {
    await using server = await RegistryServer.start()
    using project = testProject(files(server.url))
    server.fault = () => 'cut'
    await using session = new CommandSession(project.directory)
    for (const argv of [
      ['produce', 'orders'],
      ['run', 'pipelines/orders.ts', '--once'],
    ]) {
      const { exitCode, stderr } = await session.run(argv, { stdin: '{"id":"a","n":5}\n' })
      assert.equal(exitCode, 1)
      assert.match(stderr, /The schema registry does not answer \(POST http/)
    }
  })
})
