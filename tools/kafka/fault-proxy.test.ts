import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, beforeEach, describe, it } from 'node:test'
import { FaultProxy } from './fault-proxy.ts'

describe('the proxy before a broker', () => {
  let server: Server
  let proxy: FaultProxy
  let received: string[]
  before(async () => {
    server = createServer(socket => {
      socket.on('error', () => {})
      socket.on('data', chunk => {
        received.push(String(chunk))
        socket.write(`answer to ${chunk}`)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    proxy = await FaultProxy.listen((server.address() as { port: number }).port)
  })
  beforeEach(() => {
    received = []
  })
  after(async () => {
    await proxy.close()
    server.close()
  })

  const dial = async (): Promise<Socket> => {
    const socket = connect(proxy.port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    return socket
  }
  /** Unlike `once`, not offended by the error that comes before. */
  const closing = (socket: Socket) => new Promise(resolve => socket.once('close', resolve))
  const ask = async (socket: Socket, question: string): Promise<string> => {
    const answer = once(socket, 'data')
    socket.write(question)
    return String((await answer)[0])
  }

  it('passes bytes on, both ways', async () => {
    const socket = await dial()
    assert.equal(await ask(socket, 'one'), 'answer to one')
    socket.destroy()
  })

  it('keeps nothing of each time that an end took no more', async () => {
    const warnings: Error[] = []
    const warned = (warning: Error) => warnings.push(warning)
    process.on('warning', warned)
    const socket = await dial()
    let answered = 0
    socket.on('data', bytes => {
      answered += bytes.length
    })
    const turn = () => new Promise(resolve => setImmediate(resolve))
    // More than sockets take while nobody reads.
    const question = 'x'.repeat(8 << 20)
    for (let asked = question.length; asked <= 12 * question.length; asked += question.length) {
      socket.pause()
      socket.write(question)
      while (
        received.reduce((sum, { length }) => sum + length, 0) < asked &&
        socket.bytesRead < asked - question.length / 2
      )
        await turn()
      socket.resume()
      while (answered < asked) await turn()
    }
    socket.destroy()
    process.off('warning', warned)
    assert.deepEqual(warnings, [])
  })

  it('cuts every connection, and takes new ones', async () => {
    const socket = await dial()
    await ask(socket, 'one')
    const closed = closing(socket)
    assert.ok(proxy.cut() > 0)
    await closed
    const next = await dial()
    assert.equal(await ask(next, 'two'), 'answer to two')
    next.destroy()
  })

  it('keeps answers back while requests go through, and gives them late', async () => {
    const socket = await dial()
    const before = proxy.latecomers
    const release = proxy.holdAnswers()
    let isAnswered = false
    const answer = ask(socket, 'one').then(text => {
      isAnswered = true
      return text
    })
    while (received.length === 0 || proxy.latecomers === before)
      await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual([received, isAnswered], [['one'], false])
    release()
    assert.equal(await answer, 'answer to one')
    socket.destroy()
  })

  it('delays bytes', async () => {
    const socket = await dial()
    const [latecomers, fromMs] = [proxy.latecomers, performance.now()]
    proxy.delay(50)
    await ask(socket, 'one')
    proxy.delay(0)
    assert.ok(performance.now() - fromMs >= 95, 'there and back')
    assert.ok(proxy.latecomers > latecomers)
    socket.destroy()
  })

  it('lets nobody in while it is shut', async () => {
    proxy.shut()
    const refused = connect(proxy.port, '127.0.0.1')
    refused.on('error', () => {})
    await closing(refused)
    proxy.open()
    const socket = await dial()
    assert.equal(await ask(socket, 'one'), 'answer to one')
    socket.destroy()
  })
})
