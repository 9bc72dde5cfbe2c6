import { describe } from 'node:test'
import { openKafkaLog } from '../log/kafka/open.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { forgottenPositionsTests } from './testkit/forgotten-positions.ts'

describe('a group without positions on Kafka', { timeout: 180_000 }, () => {
  forgottenPositionsTests(async use => {
    const log = await openKafkaLog({ brokers: testBrokers() })
    try {
      await use(log, `forgotten-${crypto.randomUUID().slice(0, 8)}.`)
    } finally {
      await log.close()
    }
  })
})
