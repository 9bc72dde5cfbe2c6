import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PlanError } from '../plan/plan-error.ts'
import { json } from '../serde/json.ts'
import { topic } from './topic.ts'

const value = json<{ ms: number }>()

describe('the retention of a topic', () => {
  it('is a duration, for ever, or left to the log', () => {
    assert.equal(topic('t', { value }).retentionMs, undefined)
    assert.equal(topic('t', { value, retention: '90m' }).retentionMs, 5_400_000)
    assert.equal(topic('t', { value, retention: 1500 }).retentionMs, 1500)
    assert.equal(topic('t', { value, retention: 'forever' }).retentionMs, -1)
  })

  it('that is neither is refused with the name of the topic and the way out', () => {
    // @ts-expect-error: not a duration
    const inWords = () => topic('page-views', { value, retention: '1 week' })
    assert.throws(inWords, {
      name: 'PlanError',
      topic: 'page-views',
      wayOut: `give text such as '90m' or '7d', whole milliseconds, or 'forever'`,
      message: /^topic "page-views": retention is '1 week'; give text such as/,
    })
    for (const retention of [-1, Number.POSITIVE_INFINITY, Number.NaN, 0.5])
      assert.throws(() => topic('t', { value, retention }), PlanError, String(retention))
    assert.throws(() => topic('t', { value, retention: null as never }), /retention is null;/)
  })
})

describe('the settings of a topic on Kafka', () => {
  it('are kept as texts under their own names', () => {
    const kafka = { 'min.insync.replicas': 2, 'message.timestamp.type': 'LogAppendTime', preallocate: false }
    assert.deepEqual(topic('t', { value, kafka }).kafka, {
      'min.insync.replicas': '2',
      'message.timestamp.type': 'LogAppendTime',
      preallocate: 'false',
    })
  })

  it('are refused where an option says the same, or the name cannot be one', () => {
    assert.throws(
      () => topic('t', { value, kafka: { 'retention.ms': 1 } }),
      /say it with the option retention/,
    )
    assert.throws(
      () => topic('t', { value, kafka: { minIsr: 1 } }),
      /kafka sets 'minIsr' to 1; give settings/,
    )
  })
})
