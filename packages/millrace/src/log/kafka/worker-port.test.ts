import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { LocalOwnership } from './ownership.ts'
import type { KafkaProperties } from './settings.ts'
import { RemoteOwnership, sendable, serveWorker } from './worker-port.ts'

const properties: KafkaProperties = {
  'bootstrap.servers': 'a:1',
  'request.timeout.ms': 5,
  'sasl.oauthbearer.token': async () => 'the token',
}

function connected(given: KafkaProperties): RemoteOwnership {
  const { port1, port2 } = new MessageChannel()
  serveWorker(port1, new LocalOwnership(), given)
  port2.ref()
  return new RemoteOwnership(port2)
}

/** Messages between threads do not keep a process alive by themselves. */
async function awake<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {}, 1000)
  return work.finally(() => clearInterval(timer))
}

describe('the port of a worker’s log', () => {
  it('takes what can be sent to another thread, and names the functions', () => {
    const sent = sendable(properties)
    assert.deepEqual(structuredClone(sent), {
      properties: { 'bootstrap.servers': 'a:1', 'request.timeout.ms': 5 },
      functions: ['sasl.oauthbearer.token'],
    })
  })

  it('calls a function where it lives, and gives what it returns or throws', async () => {
    const worker = connected(properties)
    assert.equal(await awake(worker.call('sasl.oauthbearer.token')), 'the token')
    const failing = connected({
      'sasl.oauthbearer.token': () => {
        throw new Error('the identity provider is away')
      },
    })
    await assert.rejects(awake(failing.call('sasl.oauthbearer.token')), /the identity provider is away/)
    for (const each of [worker, failing]) each.close()
  })

  it('rejects what waits when it is closed', async () => {
    const worker = connected({ 'sasl.oauthbearer.token': () => new Promise<string>(() => {}) })
    const waiting = worker.call('sasl.oauthbearer.token')
    worker.close()
    await assert.rejects(awake(waiting), { name: 'LogError', code: 'closed' })
    await assert.rejects(worker.call('sasl.oauthbearer.token'), { code: 'closed' })
  })
})
