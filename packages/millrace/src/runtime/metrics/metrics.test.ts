import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pipeline as inPipeline, type Pipeline } from '../../index.ts'
import { MemoryLog } from '../../log/memory/memory-log.ts'
import type { App, StartOptions } from '../app.ts'
import { start } from '../start.ts'
import pipeline, { type Visit, visits } from '../testkit/visits.ts'
import { FAMILIES, type Family } from './families.ts'

const moduleUrl = new URL('../testkit/visits.ts', import.meta.url)
/** Another one, for what only asynchronous steps have. */
const looked = inPipeline('looked', p => {
  p.from(visits, { idle: 'never' }).asyncMap('look', async v => v)
})
const begin = 1_700_000_000_000

/** Samples of a text, by family: labels (without histogram buckets) and values. */
function samplesOf(
  text: string,
  { name, type }: Family,
): { labels: Record<string, string>; value: number }[] {
  const sampleName = type === 'histogram' ? `${name}_count` : name
  return text.split('\n').flatMap(line => {
    const [, of, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (of !== sampleName) return []
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label!, text!])
    return [{ labels: Object.fromEntries(pairs), value: Number(value) }]
  })
}

async function sum(app: App, family: Family): Promise<number> {
  return samplesOf(await app.metrics(), family).reduce((total, { value }) => total + value, 0)
}

function visitAt(i: number): Visit {
  return { visitor: `v${i % 7}`, page: `/${i % 3}`, ms: 1, at: begin + i * 100 }
}

async function run(
  options: StartOptions,
  use: (app: App) => Promise<void>,
  more: Pipeline[] = [],
): Promise<void> {
  const sources = options.threads === undefined ? [pipeline, ...more] : [moduleUrl]
  await using app = await start(sources, { app: 'test', ...options })
  await Promise.all(Array.from({ length: 500 }, (_, i) => app.send(visits, visitAt(i))))
  await Promise.race([app.failed, use(app)])
}

async function settled(app: App): Promise<void> {
  // Each visit is read, re-keyed and read again.
  while ((await sum(app, FAMILIES.taskRecords)) < 1000) await pause(app)
  while ((await sum(app, FAMILIES.inputLag)) > 0) await pause(app)
}

function pause(app: App): Promise<void> {
  return Promise.race([app.failed, new Promise<void>(resolve => setImmediate(resolve))])
}

describe('the metrics of an app', { timeout: 60_000 }, () => {
  it('have every family with exactly the labels that are documented', () =>
    run(
      { log: new MemoryLog() },
      async app => {
        await settled(app)
        while ((await sum(app, FAMILIES.calls)) < 500) await pause(app)
        const text = await app.metrics()
        for (const family of Object.values(FAMILIES) as Family[]) {
          const samples = samplesOf(text, family)
          assert.ok(samples.length > 0, family.name)
          for (const { labels, value } of samples) {
            assert.deepEqual(Object.keys(labels), family.labels, family.name)
            assert.ok(Number.isFinite(value))
          }
        }
      },
      [looked],
    ))

  it('count records, output, state and commits, and know when nothing is left', () =>
    run({ log: new MemoryLog() }, async app => {
      await settled(app)
      assert.equal(await sum(app, FAMILIES.taskRecords), 1000)
      while ((await sum(app, FAMILIES.taskOutputRecords)) < 500) await pause(app)
      assert.ok((await sum(app, FAMILIES.taskBytes)) > 10_000)
      assert.ok((await sum(app, FAMILIES.taskChangelogBytes)) > 0)
      assert.ok((await sum(app, FAMILIES.stepRows)) > 0)
      assert.equal(await sum(app, FAMILIES.inputAge), 0)
      const outcomes = samplesOf(await app.metrics(), FAMILIES.commits)
      assert.ok(outcomes.find(({ labels }) => labels.outcome === 'committed')!.value > 0)
      assert.equal(outcomes.find(({ labels }) => labels.outcome === 'failed')!.value, 0)
      const commits = outcomes.reduce((total, { value }) => total + value, 0)
      assert.ok((await sum(app, FAMILIES.commitSeconds)) >= commits)
      const [watermark] = samplesOf(await app.metrics(), FAMILIES.taskWatermark)
      assert.ok(watermark!.value >= begin / 1000)
      assert.equal(await sum(app, FAMILIES.partitions), 8)
    }))

  it('[2.3] say of each store how much of its changelog was read', async () => {
    const log = new MemoryLog()
    await run({ log }, async app => {
      await settled(app)
      assert.equal(await sum(app, FAMILIES.restoreDone), 0)
      await app.stop()
    })
    await using app = await start([pipeline], { app: 'test', log })
    while (!app.health().isReady) await pause(app)
    const done = samplesOf(await app.metrics(), FAMILIES.restoreDone).filter(({ value }) => value > 0)
    assert.deepEqual(new Set(done.map(({ labels }) => labels.step)), new Set(['by-visitor', 'by-page']))
    assert.equal(await sum(app, FAMILIES.restoreDone), await sum(app, FAMILIES.restoredRecords))
    assert.equal(await sum(app, FAMILIES.restoreLeft), 0)
  })

  it('are those of all worker threads, each under its number', async () => {
    const data = await mkdtemp(join(tmpdir(), 'millrace-metrics-'))
    try {
      await run({ data, threads: 2 }, async app => {
        await settled(app)
        const text = await app.metrics()
        const threads = samplesOf(text, FAMILIES.threadActive).map(({ labels }) => labels.thread)
        assert.deepEqual(threads, ['0', '1', '2'])
        assert.equal(await sum(app, FAMILIES.threads), 2)
        assert.equal(await sum(app, FAMILIES.taskRecords), 1000)
      })
    } finally {
      await rm(data, { recursive: true, force: true })
    }
  })

  it('[3.8] say which partition is paused, and the health for which other one', async () => {
    const aligned = inPipeline('aligned', p => {
      p.from(visits, { idle: 'never', maxDrift: '1m' }).forEach(() => {})
    })
    await using app = await start([aligned], { app: 'test', log: new MemoryLog() })
    for (const partition of [1, 2, 3]) await app.send(visits, visitAt(0), { partition })
    for (const i of [0, 700, 1400]) await app.send(visits, visitAt(i), { partition: 0 })
    const waits = () => app.health().pipelines[0]!.tasks.flatMap(each => each.paused)
    // While one of the others has not been read, all wait for it.
    while (!waits().some(({ partition, waitsFor }) => partition === 0 && waitsFor.watermark >= begin))
      await pause(app)
    assert.deepEqual(waits(), [
      { topic: visits.name, partition: 0, waitsFor: { topic: visits.name, partition: 1, watermark: begin } },
    ])
    const paused = samplesOf(await app.metrics(), FAMILIES.inputPaused).filter(({ value }) => value === 1)
    assert.deepEqual(
      paused.map(({ labels }) => [labels.topic, labels.partition]),
      [[visits.name, '0']],
    )
  })

  it('say with the health when everything is at work', async () => {
    await using app = await start([pipeline], { app: 'test', log: new MemoryLog() })
    while (!app.health().isReady) await pause(app)
    assert.equal(app.health().pipelines[0]!.phase, 'running')
    assert.equal(await sum(app, FAMILIES.ready), 1)
    await app.stop()
    assert.equal(app.health().isReady, false)
  })
})
