import { describeLogConformance } from '../conformance.ts'
import { kafkaStore } from './testkit/conformance-store.ts'

const options = {
  sessionTimeoutMs: 1500,
  rebalanceTimeoutMs: 3000,
  stepMs: 50,
  deadlineMs: 30_000,
  // When the brokers clean cannot be asked for; the idempotent producer signs every batch.
  skip: ['clean', 'header'],
} as const

describeLogConformance('kafka', () => kafkaStore(false), options)
describeLogConformance('kafka, with transactions before KIP-890,', () => kafkaStore(true), {
  ...options,
  parts: ['commits'],
})
