import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { count, json, pipeline, topic, tumbling } from '../index.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { testDriver } from '../testing.ts'
import type { App } from './app.ts'
import { start } from './start.ts'
import running, { type Word, words } from './testkit/words.ts'

const at = Date.UTC(2026, 0, 1)
const moduleUrl = new URL('./testkit/words.ts', import.meta.url)
const word = (text: string): Word => ({ text, at })

async function until(app: App, condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await Promise.race([app.failed, new Promise(resolve => setImmediate(resolve))])
}

describe("a step's state, asked from outside", () => {
  it('gives a range of rows in the order of their keys’ bytes', async () => {
    const text = fc.string({ minLength: 1, maxLength: 4, unit: 'grapheme' })
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { maxLength: 20 }),
        text,
        text,
        fc.nat(8),
        async (texts, from, to, limit) => {
          await using driver = await testDriver([running])
          await driver.input(words).sendAll(texts.map(word))
          const bytes = (key: string) => Buffer.from(key)
          const wanted = [...new Set(texts)]
            .sort((a, b) => Buffer.compare(bytes(a), bytes(b)))
            .filter(
              key =>
                Buffer.compare(bytes(key), bytes(from)) >= 0 && Buffer.compare(bytes(key), bytes(to)) < 0,
            )
            .slice(0, limit)
            .map(key => ({ key, value: { n: texts.filter(each => each === key).length } }))
          assert.deepEqual(await driver.table('per-word').range({ from, to, limit }), wanted)
          assert.equal((await driver.table('per-word').range()).length, new Set(texts).size)
        },
      ),
      { numRuns: 30 },
    )
  })

  it('gives those windows of a key that begin in a span of time', async () => {
    const out = topic('out', { value: json<unknown>() })
    const windowed = pipeline('windows', p => {
      p.from(words)
        .keyBy('text')
        .window(tumbling('10s', { grace: '1h' }))
        .aggregate('n', { n: count() })
        .emit('final')
        .to(out)
    })
    await using driver = await testDriver([windowed])
    await driver.input(words).sendAll([0, 10, 20, 30].map(s => ({ text: 'a', at: at + 1_000 * s })))
    const starts = async (query: { from?: number; to?: number }) =>
      (await driver.table('n').windows('a', query)).map(({ start }) => (start - at) / 1_000)
    assert.deepEqual(await starts({}), [0, 10, 20, 30])
    assert.deepEqual(await starts({ from: at + 10_000, to: at + 30_000 }), [10, 20])
    await assert.rejects(
      driver.table('n').range(),
      /Step "n" has windows; ask for those of a key: windows\(key\)/,
    )
    await assert.rejects(driver.table('n').range({ limit: -1 }), /range\(\{ limit: -1 \}\)|has windows/)
  })

  it('[1.5] is the same with several threads', { timeout: 60_000 }, async () => {
    const data = await mkdtemp(join(tmpdir(), 'millrace-rows-'))
    try {
      await using app = await start([moduleUrl], { app: 'test', data, threads: 2 })
      const texts = Array.from({ length: 40 }, (_, i) => `w${String(i).padStart(2, '0')}`)
      await Promise.all(texts.map(text => app.send(words, word(text))))
      const store = app.store('per-word')
      await until(app, async () => (await store.range()).length === texts.length)
      const rows = await store.range({ from: 'w10', limit: 5 })
      assert.deepEqual(
        rows,
        texts.slice(10, 15).map(key => ({ key, value: { n: 1 } })),
      )
    } finally {
      await rm(data, { recursive: true, force: true })
    }
  })

  it('of a key whose task runs in another process is an error that names that process', {
    timeout: 60_000,
  }, async () => {
    const broker = new MemoryBroker()
    const open = (host: string, pid: number) =>
      start([running], { app: 'test', log: new MemoryLog(broker, { host, pid }), sessionTimeoutMs: 60_000 })
    await using first = await open('here', 1)
    await using second = await open('there', 2)
    await first.send(words, word('a'))
    const outcome = (app: App) =>
      app
        .store('per-word')
        .get('a')
        .then(
          value => ({ value }),
          error => ({ message: String(error) }),
        )
    // Both have their share of the tasks, of which one has the key.
    let outcomes: { value?: unknown; message?: string }[] = []
    await until(first, async () => {
      outcomes = await Promise.all([first, second].map(outcome))
      return (
        outcomes.some(each => each.value !== undefined) &&
        outcomes.some(each => /which runs it/.test(each.message ?? ''))
      )
    })
    const owner = outcomes[0]!.value === undefined ? /process 2 on there/ : /process 1 on here/
    const { message } = outcomes.find(each => each.message !== undefined)!
    assert.match(
      message!,
      /StoreUnavailable: The task of partition \d of step "per-word" does not run in this process; ask /,
    )
    assert.match(message!, owner)
  })
})
