import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { custom, json, pipeline, start, topic } from '../index.ts'
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

  it('[7.6] a row larger than its changelog takes stops the pipeline, which goes on once the topic takes it', async () => {
    const app = `bad-${crypto.randomUUID().slice(0, 8)}`
    const lines = topic(`${app}-lines`, { value: json<Line>(), key: 'id', retention: 'forever' })
    const text = custom<Line, string, number>({
      init: () => '',
      add: (kept, { length }) => kept + 'x'.repeat(length),
      result: kept => kept.length,
      version: 1,
    })
    const keep = pipeline('keep', p => {
      p.from(lines, { idle: 'never' }).byKey().aggregate('texts', { length: text })
    })
    const changelog = `${app}.keep.texts.changelog`
    await admin.createTopics([specOf(lines)])
    const allow = (bytes: number) =>
      admin.alterTopics([{ name: changelog, kafka: { 'max.message.bytes': `${bytes}` } }])
    const kept = async () => {
      await using running = await start([keep], { app, brokers, once: true })
      await Promise.race([running.failed, running.finished])
      const rows = await running.store('texts').range({ limit: 1_000 })
      return new Map(rows.map(({ key, value }) => [Number(key), (value as { length: number }).length]))
    }
    const send = async (...sent: readonly Line[]) => {
      await using sender = await start([], { app, log: admin })
      for (const line of sent) await sender.send(lines, line)
    }
    await kept()
    // Of rows that fit there are more than fit one batch.
    await allow(3_000)
    await send(...Array.from({ length: 60 }, (_, id) => ({ id, length: 100 })))
    const first = await kept()
    assert.equal(first.size, 60)

    await send({ id: 7, length: 5_000 })
    const refusal = new RegExp(
      `step "texts" keeps for the key "7" takes 5\\d\\d\\d bytes, and a record of its changelog at most 1976\\..* let topic ${changelog} take more`,
    )
    await assert.rejects(kept(), refusal)
    // A larger one than a batch of several rows may be.
    await allow(4_000_000)
    await send({ id: 7, length: 2_000_000 })
    assert.deepEqual(await kept(), new Map([...first, [7, 2_005_100]]))
    // And it is read back.
    await send({ id: 8, length: 1 })
    assert.deepEqual(await kept(), new Map([...first, [7, 2_005_100], [8, 101]]))
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
