import { describe, it } from 'node:test'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { RollingStage } from './testkit/rolling-stage.ts'
import { rewrittenStory, rollbackStory, rollingStory } from './testkit/rolling-story.ts'

const timeout = 300_000
const sessionTimeoutMs = 6_000

describe('older and newer processes of a pipeline on Kafka', { timeout: 4 * timeout }, () => {
  it('[8.2] hand the state over once and never back, and count everything once', { timeout }, async t => {
    const stage = await RollingStage.open(t, sessionTimeoutMs, testBrokers())
    await rollingStory(stage)
    await stage.check()
  })

  it('[8.2] do the same with worker threads', { timeout }, async t => {
    const stage = await RollingStage.open(t, sessionTimeoutMs, testBrokers())
    await rollingStory(stage, 2)
    await stage.check()
  })

  it('[8.2] go back to the older one when nobody runs the newer, and somebody says so', {
    timeout,
  }, async t => {
    await rollbackStory(await RollingStage.open(t, sessionTimeoutMs, testBrokers()))
  })

  it('[8.2] share everything when only callbacks differ', { timeout }, async t => {
    await rewrittenStory(await RollingStage.open(t, sessionTimeoutMs, testBrokers()))
  })
})
