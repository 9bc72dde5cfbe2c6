import { describe, it } from 'node:test'
import { directoryFor } from '../log/embedded/testkit/directory.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { checkAsked } from './testkit/asked-story.ts'

const brokers = testBrokers()

describe('asyncMap on Kafka', { timeout: 600_000 }, () => {
  it('[2.6] [7.4] killed with calls under way, on two threads, gives each result once and ends with the last call', async t => {
    const app = `asked-${crypto.randomUUID().slice(0, 8)}`
    const options = { app, brokers, data: await directoryFor(t), createTopics: true, sessionTimeoutMs: 6_000 }
    await checkAsked(t, options, `${app}.`)
  })
})
