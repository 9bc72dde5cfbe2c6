import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { protocolErrorsCodesById } from '@platformatic/kafka'
import { accessRight } from '../../std/access-right.ts'
import {
  AmbiguousError,
  CODE,
  ERRORS,
  errorRule,
  isRetriable,
  KafkaError,
  UnreachableError,
} from './errors.ts'

describe('the error table', () => {
  it('has a rule for every error of the protocol, under its own name', () => {
    const known = Object.entries(protocolErrorsCodesById).filter(([code]) => code !== '0')
    assert.ok(known.length > 120)
    for (const [code, name] of known) assert.equal(ERRORS.get(Number(code))?.name, name, `error ${code}`)
    assert.ok(ERRORS.size >= known.length)
  })

  it('looks something up again only where the request is repeated', () => {
    for (const rule of ERRORS.values()) {
      if (rule.refresh !== undefined) assert.equal(rule.action, 'retry', rule.name)
    }
  })

  it('never repeats an error that it does not know', () => {
    assert.equal(errorRule(9999).action, 'abort')
    assert.equal(isRetriable(new KafkaError(9999, 'try')), false)
  })

  it('takes zombies for fenced, broken transactions for aborted, rights for fatal', () => {
    const actionOf = (code: number) => errorRule(code).action
    assert.equal(actionOf(CODE.producerFenced), 'fenced')
    assert.equal(actionOf(CODE.invalidProducerEpoch), 'fenced')
    assert.equal(actionOf(CODE.illegalGeneration), 'fenced')
    assert.equal(actionOf(CODE.outOfOrderSequence), 'abort')
    assert.equal(actionOf(CODE.rebalanceInProgress), 'abort')
    assert.equal(actionOf(29), 'fatal')
  })

  it('says which right is missing, of those that a request needs', () => {
    const rights = [accessRight('Write', 'Topic', 't'), accessRight('Write', 'TransactionalId', 'x')]
    const messageOf = (code: number) => new KafkaError(code, 'append', null, ...rights).message
    assert.match(messageOf(29), /lacks the right Write on Topic t/)
    assert.match(messageOf(53), /lacks the right Write on TransactionalId x/)
    assert.equal(messageOf(87), 'Kafka refused to append: INVALID_RECORD')
  })

  it('repeats after a broken connection, unless another try cannot help', () => {
    assert.equal(isRetriable(new AmbiguousError('cut')), true)
    assert.equal(isRetriable(new UnreachableError('refused')), true)
    assert.equal(isRetriable(new UnreachableError('wrong password', { final: true })), false)
  })
})
