import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { Histogram } from '../../std/histogram.ts'
import { Exposition } from './exposition.ts'
import { FAMILIES, type Family } from './families.ts'

describe("Prometheus' text format", () => {
  it('has each family once, with its help and type before its samples', () => {
    const family: Family = { name: 'x_total', type: 'counter', labels: ['a', 'b'], help: 'Xs.' }
    const out = new Exposition()
    out.add(family, ['1', 2], 3)
    out.add(FAMILIES.threads, [], 1)
    out.add(family, ['say "hi"\n', '\\'], 0.5)
    out.add(family, ['never', ''], Number.NEGATIVE_INFINITY)
    assert.equal(
      out.text,
      [
        '# HELP x_total Xs.',
        '# TYPE x_total counter',
        'x_total{a="1",b="2"} 3',
        'x_total{a="say \\"hi\\"\\n",b="\\\\"} 0.5',
        '# HELP millrace_threads Threads that run tasks.',
        '# TYPE millrace_threads gauge',
        'millrace_threads 1',
        '',
      ].join('\n'),
    )
  })

  it('gives a histogram cumulated, up to +Inf', () => {
    const seconds = new Histogram([0.1, 1])
    for (const value of [0.1, 0.2, 5, 1]) seconds.observe(value)
    const out = new Exposition()
    out.addHistogram(
      { name: 'took_seconds', type: 'histogram', labels: ['p'], help: 'How long.' },
      ['x'],
      seconds.figures,
    )
    assert.deepEqual(out.text.split('\n').slice(2), [
      'took_seconds_bucket{p="x",le="0.1"} 1',
      'took_seconds_bucket{p="x",le="1"} 3',
      'took_seconds_bucket{p="x",le="+Inf"} 4',
      'took_seconds_sum{p="x"} 6.3',
      'took_seconds_count{p="x"} 4',
      '',
    ])
  })
})

describe('the names of the metrics', () => {
  const families = Object.values(FAMILIES) as Family[]

  it('follow the conventions: units of seconds and bytes, counters and they alone end in _total', () => {
    for (const { name, type } of families) {
      assert.match(name, /^(millrace|process|nodejs)_[a-z_]+$/)
      assert.equal(name.endsWith('_total'), type === 'counter', name)
      assert.doesNotMatch(name, /_(ms|millis|kb|mb)(_|$)/)
    }
    assert.equal(new Set(families.map(({ name }) => name)).size, families.length)
  })

  it('stand in docs/KAFKA.md with their type, labels and meaning, and no others do', () => {
    const guide = readFileSync(new URL('../../../../../docs/KAFKA.md', import.meta.url), 'utf8')
    const documented = [
      ...guide.matchAll(/^\| `((?:millrace|process|nodejs)_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$/gm),
    ]
    assert.deepEqual(
      documented.map(([, name, type, labels, help]) => ({
        name,
        type,
        labels: labels!.trim(),
        help: help!.trim(),
      })),
      families.map(({ name, type, labels, help }) => ({ name, type, labels: labels.join(', '), help })),
    )
  })
})
