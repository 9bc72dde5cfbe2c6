import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { metadataTopic } from '../log/kafka/metadata-topic.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { changelogTopic, groupName } from '../plan/names.ts'
import { systemClock } from '../std/clock.ts'
import { pipelineHoldings, stepsWithState } from './pipeline-holdings.ts'

describe('what a pipeline keeps outside of the process', () => {
  it('[2.1] goes with the topic of times that stood beside no position, which is the state of no step', async () => {
    const log = new MemoryLog()
    const stored = { log, clock: systemClock, data: '', app: 'shop', pipeline: 'engagement' }
    const state = changelogTopic('shop', 'engagement', 'per-page')
    const times = metadataTopic(groupName('shop', 'engagement'))
    await log.createTopics(
      [state, times, 'shop.engagement-2.per-page.changelog'].map(name => ({ name, partitions: 1 })),
    )
    const holdings = await pipelineHoldings(stored)
    assert.deepEqual(holdings.topics.toSorted(), [state, times].sort())
    assert.deepEqual(stepsWithState(stored, holdings), ['per-page'])
  })
})
