import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { outgoing } from '../../log/conformance/store.ts'
import type { Log, OutgoingBatch } from '../../log/log.ts'
import { MemoryLog } from '../../log/memory/memory-log.ts'
import { RecordCursor } from '../../record/cursor.ts'
import { readHeaders } from '../../record/headers.ts'
import { moveLog } from './move-log.ts'
import { planMove } from './move-plan.ts'
import { type MoveRecord, readMoveRecord, writeMoveRecord } from './move-record.ts'
import { sourceBatches } from './source-batches.ts'

const nowMs = Date.now()
const fresh: MoveRecord = { to: 'there', topics: {}, isDone: false }

interface Moved {
  readonly record: MoveRecord
  readonly copied: number
}

/** Moves everything, or as much as a log that breaks off takes. */
async function move(from: Log, to: Log, begun?: MoveRecord): Promise<Moved> {
  const plan = await planMove(from, to, nowMs, begun)
  let record = begun ?? fresh
  let copied = 0
  const save = async (saved: MoveRecord) => {
    record = saved
  }
  const onCopied = (records: number) => {
    copied += records
  }
  await moveLog({ from, to, plan, record, save, onCopied }).catch(error => {
    if ((error as Error).message !== 'broken off') throw error
  })
  return { record, copied }
}

/** The log as one whose appends are cut short. */
function breaking(log: Log, taken: number): Log {
  return new Proxy(log, {
    get(target, name) {
      if (name === 'append')
        return async (batches: readonly OutgoingBatch[]) => {
          await target.append(batches.slice(0, taken))
          throw new Error('broken off')
        }
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

/** Each record as text with its offset, headers included. */
async function contents(
  log: Log,
  topic: string,
  partition: number,
): Promise<{ offset: number; text: string }[]> {
  const { earliest, latest } = (await log.offsets(topic)).find(each => each.partition === partition)!
  const cursor = new RecordCursor()
  const records: { offset: number; text: string }[] = []
  for await (const { bytes } of sourceBatches(log, { topic, partition }, earliest, latest)) {
    cursor.open(bytes)
    while (cursor.next()) {
      if (cursor.offset < earliest) continue
      const part = (start: number, end: number) =>
        start < 0 ? null : cursor.buffer.toString('latin1', start, end)
      const key = part(cursor.keyStart, cursor.keyEnd)
      const value = part(cursor.valueStart, cursor.valueEnd)
      const headers =
        cursor.headerCount === 0 ? [] : readHeaders(cursor.buffer, cursor.headersStart, cursor.headersEnd)
      const text = JSON.stringify([key, value, cursor.timestamp, headers])
      records.push({ offset: cursor.offset, text })
    }
  }
  return records
}

async function sameRecords(from: Log, to: Log, topic: string, partition: number): Promise<void> {
  const texts = async (log: Log) => (await contents(log, topic, partition)).map(({ text }) => text)
  assert.deepEqual(await texts(to), await texts(from))
}

/** Two partitions with keys, nulls and headers; the first is trimmed, the second compacted, so that both have other offsets there. */
async function source(): Promise<Log> {
  const log = new MemoryLog()
  await log.createTopics([
    { name: 'views', partitions: 2 },
    { name: 'app.p.s.changelog', partitions: 1, cleanup: 'compact', retentionMs: -1, internal: true },
  ])
  for (let i = 0; i < 20; i++) {
    const headers = [{ key: 'h', value: Buffer.from([i, 0]) }]
    await log.append([
      outgoing('views', i % 2, {
        key: i % 3 === 0 ? null : `k${i}`,
        value: `v${i}`,
        timestamp: nowMs + i,
        headers,
      }),
    ])
    await log.append([
      outgoing('app.p.s.changelog', 0, {
        key: `k${i % 4}`,
        value: i % 5 === 0 ? null : `${i}`,
        timestamp: nowMs,
      }),
    ])
  }
  await log.trim([{ topic: 'views', partition: 0, offset: 4 }])
  await log.resetGroup('app.p', [
    { topic: 'views', partition: 0, offset: 7, metadata: Uint8Array.of(1, 2) },
    { topic: 'views', partition: 1, offset: 10, metadata: Uint8Array.of(3) },
  ])
  return log
}

describe('a move to another log', () => {
  it('takes records with keys, nulls, headers and times, settings, and positions to where they mean the same', async () => {
    const [from, to] = [await source(), new MemoryLog()]
    const { record, copied } = await move(from, to)
    assert.equal(record.isDone, true)
    assert.equal(copied, 16 + 20)
    for (const partition of [0, 1]) await sameRecords(from, to, 'views', partition)
    await sameRecords(from, to, 'app.p.s.changelog', 0)
    const [changelog] = await to.describeTopics(['app.p.s.changelog'])
    assert.equal(changelog!.cleanup, 'compact')
    const { positions } = (await to.describeGroup('app.p'))!
    assert.deepEqual(
      positions.map(({ partition, offset, metadata }) => [partition, offset, [...metadata]]).sort(),
      [
        [0, 3, [1, 2]],
        [1, 10, [3]],
      ],
    )
  })

  it('leaves the gaps of a compacted partition out, and still places positions behind the same records', async () => {
    const [from, to] = [await source(), new MemoryLog()]
    await from.clean()
    await from.resetGroup('reader', [{ topic: 'app.p.s.changelog', partition: 0, offset: 18 }])
    await move(from, to)
    await sameRecords(from, to, 'app.p.s.changelog', 0)
    const [position] = await to.committed('reader', [{ topic: 'app.p.s.changelog', partition: 0 }])
    const behind = async (log: Log, offset: number) =>
      (await contents(log, 'app.p.s.changelog', 0))
        .filter(each => each.offset >= offset)
        .map(({ text }) => text)
    assert.deepEqual(await behind(to, position!.offset), await behind(from, 18))
  })

  for (const taken of [0, 1, 3, 9]) {
    it(`goes on where it was broken off with ${taken} batches of each append taken, and brings each record once`, async () => {
      const [from, to] = [await source(), new MemoryLog()]
      const first = await move(from, breaking(to, taken))
      assert.equal(first.record.isDone, false, 'it was broken off')
      const second = await move(from, to, first.record)
      assert.equal(second.record.isDone, true)
      for (const partition of [0, 1]) await sameRecords(from, to, 'views', partition)
      await sameRecords(from, to, 'app.p.s.changelog', 0)
    })
  }

  it('refuses while somebody runs, on either side', async () => {
    const join = (log: Log) =>
      log.join({
        group: 'app.p',
        topicSets: [['views']],
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        onAssigned() {},
        onRevoked: async () => {},
        onIdentity() {},
        onLost() {},
      })
    const [from, to] = [await source(), new MemoryLog()]
    const here = await join(from)
    const atHome = await move(from, to).catch(error => error)
    await here.leave()
    assert.match(atHome.message, /app\.p is run here by .*everything stopped/)
    await to.createTopics([{ name: 'views', partitions: 2 }])
    const there = await join(to)
    const away = await move(from, to).catch(error => error)
    await there.leave()
    assert.match(away.message, /app\.p is run in the target/)
  })

  it('refuses a target that has records or positions of its own, or another partition count', async () => {
    const from = await source()
    const full = new MemoryLog()
    await full.createTopics([{ name: 'views', partitions: 2 }])
    await full.append([outgoing('views', 0, 'theirs')])
    await assert.rejects(move(from, full), /views of the target has 1 records that this move did not bring/)
    const narrow = new MemoryLog()
    await narrow.createTopics([{ name: 'views', partitions: 1 }])
    await assert.rejects(move(from, narrow), /views has 2 partitions here and 1 in the target/)
    const known = new MemoryLog()
    await known.createTopics([{ name: 'views', partitions: 2 }])
    await known.resetGroup('app.p', [{ topic: 'views', partition: 0, offset: 0 }])
    await assert.rejects(move(from, known), /knows the group app\.p already/)
  })

  it('keeps for ever what the target would delete at once for its age', async () => {
    const from = new MemoryLog()
    await from.createTopics([{ name: 'old', partitions: 1, retentionMs: 86_400_000 }])
    await from.append([outgoing('old', 0, { value: 'a', timestamp: nowMs - 30 * 86_400_000 })])
    const to = new MemoryLog()
    const plan = await planMove(from, to, nowMs, undefined)
    assert.equal(plan.topics[0]!.keepsOld, true)
    await move(from, to)
    assert.equal((await to.describeTopics(['old']))[0]!.retentionMs, -1)
  })

  it('notices records that come in during it', async () => {
    const [from, to] = [await source(), new MemoryLog()]
    const plan = await planMove(from, to, nowMs, undefined)
    await from.append([outgoing('views', 1, 'late')])
    const moving = moveLog({ from, to, plan, record: fresh, save: async () => {}, onCopied() {} })
    await assert.rejects(moving, /views got records during the move.*move again/)
  })

  it('keeps its record beside the data', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'millrace-move-'))
    try {
      assert.equal(await readMoveRecord(directory), undefined)
      await writeMoveRecord(directory, { ...fresh, topics: { t: { id: 'x', bases: [0, 3] } } })
      assert.deepEqual((await readMoveRecord(directory))!.topics.t, { id: 'x', bases: [0, 3] })
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
})
