import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ERRORS } from './errors.ts'
import { isWithoutJava, java } from './testkit/java-client.ts'

describe('the error table, beside the one of Kafka', { skip: isWithoutJava, timeout: 60_000 }, () => {
  it('has every error under its number and name', async () => {
    const theirs = (await java('errors'))
      .map(([code, name]) => [Number(code), name])
      .filter(([code]) => code !== 0)
    assert.ok(theirs.length > 120)
    const ours = [...ERRORS].map(([code, { name }]) => [code, name])
    const byCode = (a: (string | number | undefined)[], b: typeof a) => Number(a[0]) - Number(b[0])
    assert.deepEqual(ours.sort(byCode), theirs.sort(byCode))
  })
})
