import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Versions } from './versions.ts'

describe('the versions that a broker and this client have in common', () => {
  it('are none with a broker that is too old, which is said', () => {
    const apiKeys = Array.from({ length: 60 }, (_, apiKey) => ({ apiKey, minVersion: 0, maxVersion: 2 }))
    const answer = { errorCode: 0, apiKeys } as unknown as ConstructorParameters<typeof Versions>[0]
    assert.throws(() => new Versions(answer, 'old:9092'), {
      name: 'UnreachableError',
      final: true,
      message: /broker old:9092 .* Fetch in common \(it has 0 to 2\); Kafka 3\.1 or newer is needed/,
    })
  })
})
