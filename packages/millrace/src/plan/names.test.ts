import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { changelogTopic, groupName, isName, repartitionTopic, sideTopic } from './names.ts'

describe('names outside the process', () => {
  it('[1.4] begin with the app and the pipeline', () => {
    assert.equal(groupName('shop', 'engagement'), 'shop.engagement')
    assert.equal(repartitionTopic('shop', 'engagement', 'url'), 'shop.engagement.url.repartition')
    assert.equal(changelogTopic('shop', 'engagement', 'per-page'), 'shop.engagement.per-page.changelog')
    assert.equal(sideTopic('shop', 'engagement', 'late'), 'shop.engagement.late')
  })

  it('[1.4] cannot meet, since no part of one holds a dot', () => {
    assert.equal(isName('a.b'), false)
    assert.equal(isName('failed'), false)
    assert.equal(isName('a_b-C9'), true)
  })
})
