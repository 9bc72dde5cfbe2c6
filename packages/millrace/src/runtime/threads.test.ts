import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { MemoryLog } from '../log/memory/memory-log.ts'
import type { App, StartOptions } from './app.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'
import pipeline, { perPage, perVisitor, type Visit, visits } from './testkit/visits.ts'

const moduleUrl = new URL('./testkit/visits.ts', import.meta.url)

function visitAt(i: number): Visit {
  return { visitor: `v${i % 37}`, page: `/${i % 11}`, ms: i % 100, at: 1_700_000_000_000 + i * 25 }
}

/** Sends everything, ends the input, and waits until the last window is out. */
async function results(app: App): Promise<string[]> {
  for (let i = 0; i < 4000; i += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, j) => app.send(visits, visitAt(i + j))))
  }
  await app.endInput(visits)
  const expected = { [perVisitor.name]: 10 * 37, [perPage.name]: 10 * 11 }
  const rows: string[] = []
  for (const [topic, length] of Object.entries(expected)) {
    for (;;) {
      const records = await readTopic(app.log, topic)
      if (records.length >= length) {
        rows.push(...records.map(({ value }) => value!))
        break
      }
      await Promise.race([app.failed, new Promise(resolve => setImmediate(resolve))])
    }
  }
  return rows.sort()
}

async function withDirectory<T>(run: (data: string) => Promise<T>): Promise<T> {
  const data = await mkdtemp(join(tmpdir(), 'millrace-threads-'))
  try {
    return await run(data)
  } finally {
    await rm(data, { recursive: true, force: true })
  }
}

async function startedWith(sources: Parameters<typeof start>[0], options: StartOptions): Promise<string[]> {
  await using app = await start(sources, { app: 'test', ...options })
  return await results(app)
}

describe('worker threads', () => {
  it('[1.5] gives the results of one thread with four of them', { timeout: 60_000 }, async () => {
    const alone = await startedWith([pipeline], { log: new MemoryLog() })
    const threaded = await withDirectory(data => startedWith([moduleUrl], { data, threads: 4 }))
    assert.deepEqual(threaded, alone)
  })

  it('answers queries from whichever thread runs the key’s task', { timeout: 60_000 }, async () => {
    await withDirectory(async data => {
      await using app = await start([moduleUrl], { app: 'test', data, threads: 2 })
      await Promise.all(Array.from({ length: 37 }, (_, i) => app.send(visits, visitAt(i))))
      let windows = await app.store('by-visitor').windows('v5')
      while (windows.length === 0)
        windows = await app
          .store('by-visitor')
          .windows('v5')
          .catch(() => [])
      assert.deepEqual(
        windows.map(({ value }) => value),
        [{ visits: 1, ms: 5 }],
      )
    })
  })

  it('runs pipelines in this thread that another one cannot load, when one thread is asked for', async () => {
    const alone = await startedWith([pipeline], { log: new MemoryLog() })
    const single = await withDirectory(data => startedWith([pipeline], { data, threads: 1 }))
    assert.deepEqual(single, alone)
  })

  it('refuses pipelines that other threads cannot load', async () => {
    await withDirectory(async data => {
      await assert.rejects(start([pipeline], { app: 'test', data, threads: 2 }), /URL of its module/)
    })
  })

  it('says which module cannot be loaded', { timeout: 60_000 }, async () => {
    await assert.rejects(
      withDirectory(data =>
        startedWith([new URL('./testkit/missing.ts', import.meta.url)], { data, threads: 1 }),
      ),
      /missing/,
    )
  })
})
