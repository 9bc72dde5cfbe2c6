import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pipeline, topic } from 'millrace'
// #region formats
import { avro } from 'millrace/avro'
import { schemaRegistry } from 'millrace/registry'
// #endregion
import { testDriver } from 'millrace/testing'
import { RegistryServer } from '../../packages/millrace/src/formats/testkit/registry-server.ts'
import { resultsTopic } from './topics.ts'

type Order = { id: string; amount: number }
type Reading = { sensor: string; celsius: number }

const password = 'secret'
const reading = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'sensor', type: 'string' },
    { name: 'celsius', type: 'double' },
  ],
}

/** A server in place of `http://sr1:8081`, as long as the work takes. */
async function withRegistryAt(url: string, work: (server: RegistryServer) => Promise<void>): Promise<void> {
  await using server = await RegistryServer.start()
  const real = globalThis.fetch
  globalThis.fetch = (to, options) => real(String(to).replace(url, server.url), options)
  try {
    await work(server)
  } finally {
    globalThis.fetch = real
  }
}

describe('formats', () => {
  it('are Avro with a registry and without one', async () => {
    await withRegistryAt('http://sr1:8081', async server => {
      // #region formats
      const registry = schemaRegistry({
        url: ['http://sr1:8081', 'http://sr2:8081'],
        auth: { user: 'shop', password },
      })
      const order = {
        type: 'record',
        name: 'shop.Order',
        fields: [
          { name: 'id', type: 'string' },
          { name: 'amount', type: 'double' },
        ],
      }
      const orders = topic('orders', { value: avro<Order>({ registry, schema: order }) })
      const plain = topic('readings', { value: avro<Reading>({ schema: reading }) }) // Avro alone, no registry
      // #endregion
      const both = resultsTopic('both')
      const copied = pipeline('copied', p => {
        p.from(orders).to(both)
        p.from(plain).to(both)
      })
      await using driver = await testDriver([copied])
      await driver.input(orders).send({ id: 'o-1', amount: 2.5 })
      await driver.input(plain).send({ sensor: 's', celsius: 20 })
      await driver.finish()
      assert.deepEqual(await driver.output(both).values(), [
        { id: 'o-1', amount: 2.5 },
        { sensor: 's', celsius: 20 },
      ])
      assert.match(server.requests.join(), /subjects\/orders-value/)
    })
  })
})
