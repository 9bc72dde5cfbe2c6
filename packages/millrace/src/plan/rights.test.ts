import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, topic } from '../index.ts'
import { rightText } from '../std/access-right.ts'
import { neededRights, type RightsOptions } from './rights.ts'

const views = topic('views', { value: json<{ url: string }>() })
const copies = topic('copies', { value: json<{ url: string }>() })
const counts = topic('counts', { value: json<{ n: number }>() })

const plain = pipeline('plain', p => {
  const all = p.from(views)
  all.filter(v => v.url !== '').to(copies)
  all.filter(v => v.url === '').to(copies)
})
const keyed = pipeline('keyed', p => {
  p.from(views).keyBy('url').aggregate('count', { n: count() }).emit('updates').to(counts)
})

function texts(of: typeof plain, options?: RightsOptions): string[] {
  return neededRights('shop', of.graph, options).map(rightText)
}

describe('the rights that a pipeline needs', () => {
  it('[1.4] are on its topics, and on the names that are its own', () => {
    assert.deepEqual(texts(keyed), [
      'Read on Topic views',
      'DescribeConfigs on Topic views',
      'Write on Topic counts',
      'DescribeConfigs on Topic counts',
      'Create on Topic shop.keyed.*',
      'Write on Topic shop.keyed.*',
      'DescribeConfigs on Topic shop.keyed.*',
      'Read on Topic shop.keyed.*',
      'Delete on Topic shop.keyed.*',
      'Read on Group shop.keyed',
      'Write on TransactionalId shop.keyed-*',
    ])
  })

  it('say nothing twice of a topic that is written twice, and read nothing back where there is no state', () => {
    assert.deepEqual(texts(plain), [
      'Read on Topic views',
      'DescribeConfigs on Topic views',
      'Write on Topic copies',
      'DescribeConfigs on Topic copies',
      'Create on Topic shop.plain.*',
      'Write on Topic shop.plain.*',
      'DescribeConfigs on Topic shop.plain.*',
      'Read on Group shop.plain',
      'Write on TransactionalId shop.plain-*',
    ])
  })

  it('let sources and sinks be created where that is asked for', () => {
    const added = texts(keyed, { createTopics: true }).filter(text => !texts(keyed).includes(text))
    assert.deepEqual(added, ['Create on Topic views', 'Create on Topic counts'])
  })
})
