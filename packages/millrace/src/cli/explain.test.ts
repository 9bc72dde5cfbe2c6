import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LogError } from '../log/log.ts'
import { PipelineStopped } from '../runtime/pipeline-stopped.ts'
import { explainError } from './explain.ts'

describe('the explanation of an error', () => {
  it('names the pipeline that stopped, and the way out of what stopped it', () => {
    const cause = new LogError('disk-full', 'no space is left')
    const { message, wayOut } = explainError(new PipelineStopped('shop', cause))
    assert.equal(message, 'Pipeline "shop" stopped: no space is left')
    assert.equal(wayOut, explainError(cause).wayOut)
    assert.match(wayOut!, /free space/)
  })
})
