import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KafkaSettingError } from '../log/kafka/properties.ts'
import { LogError } from '../log/log.ts'
import { PipelineStopped } from '../runtime/pipeline-stopped.ts'
import { explainError } from './explain.ts'

describe('the explanation of an error', () => {
  it('takes a setting of Kafka that makes no sense for wrong usage', () => {
    const { message, wayOut, exitCode } = explainError(new KafkaSettingError('sasl.mechanism', 'is needed'))
    assert.equal(message, "kafka setting 'sasl.mechanism': is needed")
    assert.match(wayOut!, /configuration/)
    assert.equal(exitCode, 2)
    assert.match(explainError(new KafkaSettingError('bootstrap.servers', 'no')).wayOut!, /--brokers/)
  })

  it('has the way out that the log knows', () => {
    const error = new LogError('unauthorized', 'no', { wayOut: 'kafka-acls.sh' })
    assert.equal(explainError(new PipelineStopped('shop', error)).wayOut, 'kafka-acls.sh')
  })

  it('names the pipeline that stopped, and the way out of what stopped it', () => {
    const cause = new LogError('disk-full', 'no space is left')
    const { message, wayOut } = explainError(new PipelineStopped('shop', cause))
    assert.equal(message, 'Pipeline "shop" stopped: no space is left')
    assert.equal(wayOut, explainError(cause).wayOut)
    assert.match(wayOut!, /free space/)
  })
})
