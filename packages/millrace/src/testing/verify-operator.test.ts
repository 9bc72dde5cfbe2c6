import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, sum, tumbling } from '../index.ts'
import { verifyOperator } from '../testing.ts'
import { t0, view, viewsPipeline } from './testkit/views.ts'

const input = [
  view('/a', 0, 5),
  view('/b', 100),
  view('/a', 61_000, 6),
  view('/b', 90),
  view('/a', 62_000, 7),
]

describe('verifyOperator', () => {
  it('[4.1] takes a part of a pipeline through every way that must not matter', async () => {
    await verifyOperator(
      stream =>
        stream
          .filter(v => v.ms > 1)
          .keyBy('url')
          .window(tumbling('1m'))
          .aggregate('per-minute', { views: count(), ms: sum('ms') })
          .emit('final'),
      {
        input,
        each: ({ at }) => ({ timestamp: at }),
        expected: [
          { key: '/a', start: t0, end: t0 + 60_000, views: 1, ms: 5 },
          { key: '/a', start: t0 + 60_000, end: t0 + 120_000, views: 2, ms: 13 },
        ],
      },
    )
  })

  it('[4.1] restores as much as many commits have left before it goes on', async () => {
    const seconds = Array.from({ length: 12 }, (_, i) => view('/a', 1_000 * i))
    await verifyOperator(
      stream =>
        stream.keyBy('url').window(tumbling('1m')).aggregate('per-minute', { views: count() }).emit('final'),
      {
        input: seconds,
        each: ({ at }) => ({ timestamp: at }),
        expected: [{ key: '/a', start: t0, end: t0 + 60_000, views: 12 }],
      },
    )
  })

  it('takes a whole pipeline, with its topics where they are not plain', async () => {
    const expected = [1, 1, 2, 2, 3].map(views => ({ views }))
    const outputTopic = viewsPipeline.graph.nodes.flatMap(node =>
      node.kind === 'to' ? [node.topic] : [],
    )[0]!
    await verifyOperator(viewsPipeline, { input, outputTopic, expected })
    await assert.rejects(
      () => verifyOperator(viewsPipeline, { input, expected }),
      /has 2 sinks; say which is meant by outputTopic/,
    )
  })

  it('names the way that gives something else', async () => {
    const calls = new Set<number>()
    const onlyOnce = (v: { n: number }) => !calls.has(v.n) && Boolean(calls.add(v.n))
    await assert.rejects(
      () => verifyOperator(stream => stream.filter(onlyOnce), { input: [{ n: 1 }], expected: [{ n: 1 }] }),
      /^AssertionError.*: compiled, in bulk: /,
    )
  })

  it('minds the order where that is asked', async () => {
    const check = { input: [{ n: 2 }, { n: 1 }], expected: [{ n: 1 }, { n: 2 }] }
    const same = (stream: any) => stream
    await verifyOperator(same, check)
    await assert.rejects(
      () => verifyOperator(same, { ...check, ordered: true }),
      /compiled, record by record/,
    )
  })
})
