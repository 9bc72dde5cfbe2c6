import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { json, pipeline, start, topic } from '../index.ts'
import { type Dial, systemDial } from '../log/kafka/dial.ts'
import { openKafkaIn, openKafkaLog } from '../log/kafka/open.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { type Log, LogError, type LogErrorCode } from '../log/log.ts'
import type { App } from './app.ts'
import { PipelineStopped } from './pipeline-stopped.ts'
import { readTopic } from './testkit/read-topic.ts'
import { specOf } from './topics.ts'

interface Line {
  readonly id: number
  readonly length: number
}

const brokers = testBrokers()
const mark = 'here is what breaks'

describe('bad input on Kafka', { timeout: 120_000 }, () => {
  let admin: Log
  before(async () => {
    admin = await openKafkaLog({ brokers })
  })
  after(() => admin?.close())

  /** A pipeline that writes a text of a length that its input asks for. */
  async function setting(maxBytes = 1_000_000) {
    const app = `bad-${crypto.randomUUID().slice(0, 8)}`
    const lines = topic(`${app}-lines`, { value: json<Line>(), retention: 'forever' })
    const texts = topic(`${app}-texts`, { value: json<{ id: number; text: string }>(), retention: 'forever' })
    const grow = pipeline('grow', p => {
      p.from(lines)
        .map(v => ({ id: v.id, text: 'x'.repeat(v.length) }))
        .to(texts)
    })
    const kafka = { 'max.message.bytes': String(maxBytes) }
    await admin.createTopics([specOf(lines), { ...specOf(texts), kafka }])
    const send = async (...sent: readonly Line[]) => {
      await using sender = await start([], { app, log: admin })
      for (const line of sent) await sender.send(lines, line)
    }
    const ids = async () =>
      (await readTopic(admin, texts.name)).map(({ value }) => JSON.parse(value!).id as number)
    const written = async (count: number) => {
      while ((await ids()).length < count) await new Promise(resolve => setTimeout(resolve, 20))
    }
    return { app, lines, texts, grow, send, ids, written }
  }

  async function stops(app: App, code: LogErrorCode, message: RegExp): Promise<void> {
    await assert.rejects(app.failed, error => {
      assert.ok(error instanceof PipelineStopped)
      assert.match(error.message, message)
      assert.ok(error.cause instanceof LogError, `${error.cause}`)
      assert.equal(error.cause.code, code)
      return true
    })
    assert.equal(app.health().status, 'failed')
    await app.stop({ timeout: 0 })
  }

  it('[7.2] a result that is larger than its topic allows is a failed record, and the others go on', async () => {
    const { app, grow, send, ids } = await setting(3000)
    await send(
      { id: 1, length: 10 },
      { id: 2, length: 5000 },
      { id: 3, length: 1900 },
      { id: 4, length: 1900 },
    )
    await using running = await start([grow], { app, brokers, once: true })
    await Promise.race([running.failed, running.finished])
    assert.deepEqual(await ids(), [1, 3, 4])
    const failed = await readTopic(admin, `${app}.grow.failed`)
    assert.deepEqual(
      failed.map(({ value }) => JSON.parse(value!).id),
      [2],
    )
  })

  it('a limit that is lowered under way stops the pipeline where it was', async () => {
    const { app, grow, send, texts, ids, written } = await setting()
    await send({ id: 1, length: 10 })
    await using running = await start([grow], { app, brokers })
    await written(1)
    await admin.alterTopics([{ name: texts.name, kafka: { 'max.message.bytes': '2000' } }])
    await send({ id: 2, length: 5000 })
    await stops(running, 'record-too-large', new RegExp(`append to ${texts.name}/0: MESSAGE_TOO_LARGE`))
    assert.deepEqual(await ids(), [1])
    await admin.alterTopics([{ name: texts.name, kafka: { 'max.message.bytes': '9000' } }])
    await using again = await start([grow], { app, brokers, once: true })
    await Promise.race([again.failed, again.finished])
    assert.deepEqual(await ids(), [1, 2])
  })

  it('a source that is deleted under way stops the pipeline and is named', async () => {
    const { app, grow, send, lines, written } = await setting()
    await send({ id: 1, length: 10 })
    await using running = await start([grow], { app, brokers })
    await written(1)
    await admin.deleteTopics([lines.name])
    await stops(running, 'unknown-topic', new RegExp(`There is no topic ${lines.name}`))
  })

  it('a sink that is deleted under way stops the pipeline, within the delivery timeout', async () => {
    const { app, grow, send, texts, written } = await setting()
    await send({ id: 1, length: 10 })
    const kafka = { 'delivery.timeout.ms': 3000 }
    await using running = await start([grow], { app, brokers, kafka })
    await written(1)
    await admin.deleteTopics([texts.name])
    await send({ id: 2, length: 10 })
    await stops(running, 'unknown-topic', new RegExp(`There is no ${texts.name}/0`))
  })

  it('a batch that is broken on its way is never taken for its records', async () => {
    const { app, lines, grow, send, ids } = await setting()
    await send({ id: 1, length: 10 })
    await using sender = await start([], { app, log: admin })
    await sender.send(lines, { id: 2, length: 10, note: mark } as Line)
    let flipped = 0
    const dial: Dial = options => {
      const { buffer, callback } = options.onread
      const flipping = (count: number, bytes: Uint8Array) => {
        const at = Buffer.from(bytes.buffer, bytes.byteOffset, count).indexOf(mark)
        if (at >= 0) bytes[at]! ^= 1
        if (at >= 0) flipped++
        return callback(count, bytes)
      }
      return systemDial(undefined)({ ...options, onread: { buffer, callback: flipping } })
    }
    const log = await openKafkaIn({ dial }, { brokers })
    const running = await start([grow], { app, log })
    await stops(running, 'corrupt', new RegExp(`${lines.name}/0 at [01] is broken: .* CRC`))
    assert.ok(flipped > 0)
    await log.close()
    await using again = await start([grow], { app, brokers, once: true })
    await Promise.race([again.failed, again.finished])
    assert.deepEqual(await ids(), [1, 2])
  })
})
