import { describe } from 'node:test'
import { openKafkaLog } from '../log/kafka/open.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { startOffsetTests } from './testkit/start-offsets.ts'

describe('where a pipeline begins on Kafka', { timeout: 120_000 }, () => {
  startOffsetTests(async use => {
    const log = await openKafkaLog({ brokers: testBrokers() })
    try {
      await use(log, `begin-${crypto.randomUUID().slice(0, 8)}.`)
    } finally {
      await log.close()
    }
  })
})
