import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '../../std/random.ts'
import type { FetchAsk } from './fetch-lane.ts'
import type { FetchAnswer, FetchPart } from './fetch-response.ts'
import { FetchSession, type SessionRequest } from './fetch-session.ts'

const topicId = '00000000-0000-0000-0000-000000000001'
const limit = 1000

/** A broker as KIP-227 has it: it remembers what was named, and answers what has changed since it last did. */
class Broker {
  readonly ends = new Map<number, number>()
  /** What is asked of each partition, and the end that was told last. */
  readonly session = new Map<number, { offset: number; told: number }>()
  id = 0
  epoch = 0
  readonly refused = new Set<number>()

  answer(request: SessionRequest): FetchAnswer {
    if (request.id === 0) {
      this.session.clear()
      this.id++
      this.epoch = 0
    } else if (request.id !== this.id || request.epoch !== this.epoch)
      return { errorCode: 71, sessionId: 0, parts: [] }
    for (const { partitions } of request.forgotten) for (const each of partitions) this.session.delete(each)
    for (const { partition, offset } of request.asks)
      this.session.set(partition, { offset, told: this.session.get(partition)?.told ?? -1 })
    this.epoch++
    const parts = [...this.session].flatMap(([partition, asked]): FetchPart[] => {
      const end = this.ends.get(partition) ?? 0
      const isRefused = this.refused.has(partition)
      const hasRecords = asked.offset < end
      const isNews = isRefused || hasRecords || end !== asked.told
      asked.told = isRefused ? -1 : end
      return isNews ? [partOf(partition, end, hasRecords && !isRefused, isRefused ? 6 : 0)] : []
    })
    return { errorCode: 0, sessionId: this.id, parts }
  }
}

function partOf(partition: number, end: number, hasRecords: boolean, errorCode = 0): FetchPart {
  const ends = { highWatermark: end, lastStableOffset: end, logStartOffset: 0 }
  const records = { aborted: [], preferredReplica: -1, recordsStart: 0, recordsEnd: hasRecords ? 8 : 0 }
  return { topicId, partition, errorCode, ...ends, ...records }
}

function askFor(partition: number, offset: number): FetchAsk {
  return { topicId, partition, offset, leaderEpoch: 1 }
}

function sorted(parts: readonly FetchPart[] | undefined): FetchPart[] {
  return [...parts!].sort((a, b) => a.partition - b.partition)
}

describe('a fetch session', () => {
  it('[KIP-227] gives what a whole request would, whatever is asked and whatever changes', () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = seededRandom(seed)
      const pick = (n: number) => Math.floor(random() * n)
      const [broker, session] = [new Broker(), new FetchSession()]
      const offsets = new Map<number, number>()
      for (let round = 0; round < 30; round++) {
        if (random() < 0.05) broker.id += 10
        if (random() < 0.3) broker.ends.set(pick(6), pick(5))
        broker.refused.clear()
        if (random() < 0.1) broker.refused.add(pick(6))
        if (random() < 0.3) offsets.set(pick(6), pick(5))
        const partitions = [0, 1, 2, 3, 4, 5].filter(() => random() < 0.8)
        const asks = partitions.map(each => askFor(each, offsets.get(each) ?? 0))
        let answer = broker.answer(session.request(asks, limit))
        if (answer.errorCode !== 0) {
          session.reset()
          answer = broker.answer(session.request(asks, limit))
        }
        const whole = asks.map(({ partition, offset }) => {
          const end = broker.ends.get(partition) ?? 0
          const isRefused = broker.refused.has(partition)
          return partOf(partition, end, offset < end && !isRefused, isRefused ? 6 : 0)
        })
        assert.deepEqual(sorted(session.complete(asks, answer)), whole, `seed ${seed}, round ${round}`)
      }
    }
  })

  it('names nothing when nothing has changed', () => {
    const [broker, session] = [new Broker(), new FetchSession()]
    const asks = [askFor(0, 0), askFor(1, 0)]
    session.complete(asks, broker.answer(session.request(asks, limit)))
    const again = session.request(asks, limit)
    assert.deepEqual(again, { id: 1, epoch: 1, asks: [], forgotten: [] })
    const answer = broker.answer(again)
    assert.deepEqual(answer.parts, [])
    assert.equal(session.complete(asks, answer)!.length, 2)
    const other = session.request([askFor(1, 3)], limit)
    assert.deepEqual(other.asks, [askFor(1, 3)])
    assert.deepEqual(other.forgotten, [{ topicId, partitions: [0] }])
  })

  it('begins anew where a broker has no room for one, or leaves out what it never said', () => {
    const session = new FetchSession()
    const asks = [askFor(0, 0)]
    session.request(asks, limit)
    session.complete(asks, { errorCode: 0, sessionId: 0, parts: [partOf(0, 0, false)] })
    assert.deepEqual(session.request(asks, limit), { id: 0, epoch: 0, asks, forgotten: [] })
    session.complete(asks, { errorCode: 0, sessionId: 7, parts: [partOf(0, 0, false)] })
    const more = [askFor(0, 0), askFor(1, 0)]
    session.request(more, limit)
    assert.equal(session.complete(more, { errorCode: 0, sessionId: 7, parts: [] }), undefined)
  })
})
