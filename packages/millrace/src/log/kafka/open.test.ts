import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { openKafkaLog } from './open.ts'

/** A server that does `onConnection` to whoever calls. */
async function serving(
  onConnection: (socket: Socket) => void,
  run: (address: string) => Promise<void>,
): Promise<void> {
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    await run(`127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
}

const refused = { name: 'LogError', code: 'unavailable' }

describe('opening a log on Kafka', () => {
  it('names the broker where nobody listens', async () => {
    let address = ''
    await serving(
      () => {},
      async free => {
        address = free
      },
    )
    await assert.rejects(openKafkaLog({ brokers: address }), error => {
      assert.match(
        (error as Error).message,
        new RegExp(`Kafka at ${address} cannot be reached: .*ECONNREFUSED`),
      )
      return true
    })
  })

  it('names the host that does not exist', async () => {
    await assert.rejects(openKafkaLog({ brokers: 'does-not-exist.invalid:9092' }), error => {
      assert.match((error as Error).message, /does-not-exist\.invalid:9092 cannot be reached/)
      return true
    })
  })

  it('says that something else than Kafka answers', async () => {
    let connections = 0
    await serving(
      socket => {
        connections++
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
      },
      async address => {
        await assert.rejects(openKafkaLog({ brokers: [address] }), {
          ...refused,
          message: /that is no Kafka/,
        })
      },
    )
    assert.ok(connections > 0)
  })

  it('gives up on a broker that says nothing', async () => {
    await serving(
      () => {},
      async address => {
        const kafka = { 'request.timeout.ms': 50 }
        await assert.rejects(openKafkaLog({ brokers: address, kafka }), {
          ...refused,
          message: /no answer within 50 ms/,
        })
      },
    )
  })

  it('says when TLS meets a server without it', async () => {
    await serving(
      socket => socket.once('data', () => socket.end('what?')),
      async address => {
        const kafka = { 'security.protocol': 'SSL' }
        await assert.rejects(openKafkaLog({ brokers: address, kafka }), {
          ...refused,
          message: /cannot be reached/,
        })
      },
    )
  })
})
