import assert from 'node:assert/strict'
import { it } from 'node:test'
import { count, json, type Pipeline, pipeline, topic } from '../../index.ts'
import type { Log } from '../../log/log.ts'
import type { App, StartOptions } from '../app.ts'
import { start } from '../start.ts'
import { readTopic } from './read-topic.ts'

/** Two pipelines that count, and topics and an app of their own, for logs that several tests share. */
function scene(log: Log, prefix: string) {
  const hits = topic(`${prefix}hits`, { value: json<{ user: string }>(), key: 'user', partitions: 2 })
  const rows = topic(`${prefix}rows`, { value: json<{ n: number }>(), partitions: 2 })
  const keyed = pipeline('keyed', p => {
    p.from(hits).byKey().aggregate('per-user', { n: count() }).emit('updates').to(rows)
  })
  const rekeyed = pipeline('rekeyed', p => {
    p.from(hits).keyBy('user').aggregate('per-user', { n: count() }).emit('updates').to(rows)
  })
  const app = `${prefix}app`
  const warnings: string[] = []
  const logger = { info() {}, error() {}, warn: (message: string) => void warnings.push(message) }
  const counted = async () =>
    (await readTopic(log, rows.name)).map(({ key, value }) => `${key} ${JSON.parse(value!).n}`).sort()
  return {
    ...{ app, hits, keyed, rekeyed, warnings, counted },
    run: (subject: Pipeline, options: StartOptions = {}) =>
      start([subject], { app, log, logger, createTopics: true, ...options }),
    async until(running: App, expected: readonly string[]) {
      while ((await counted()).length < expected.length)
        await Promise.race([running.failed, new Promise(resolve => setImmediate(resolve))])
      assert.deepEqual(await counted(), expected)
    },
  }
}

/** A group whose positions are gone, on one log; `withLog` gives an empty one, or a prefix that nobody else uses on a shared one. */
export function forgottenPositionsTests(
  withLog: (use: (log: Log, prefix: string) => Promise<void>) => Promise<void>,
): void {
  for (const kind of ['keyed', 'rekeyed'] as const) {
    it(`[1.6] stops a pipeline with state that is ${kind} from counting everything again, says why, and what can be done`, () =>
      withLog(async (log, prefix) => {
        const { app, hits, run, until, counted, ...rest } = scene(log, prefix)
        const first = await run(rest[kind])
        await first.send(hits, { user: 'a' })
        await first.send(hits, { user: 'b' })
        await until(first, ['a 1', 'b 1'])
        await first.stop({ leave: true })
        await log.deleteGroup(`${app}.${kind}`)
        const told = new RegExp(`no positions any more.*begin anew with millrace reset ${kind}`)
        await assert.rejects(run(rest[kind]), { name: 'PlanError', message: told })
        assert.deepEqual(await counted(), ['a 1', 'b 1'])
        const second = new RegExp(`groups reset keyed --topic ${prefix}hits --to <time>`)
        if (kind === 'rekeyed') return assert.rejects(run(rest[kind]), each => !second.test(String(each)))
        await assert.rejects(run(rest[kind]), second)
        // As this second way out does it.
        const offsets = await log.offsets(hits.name)
        const ends = offsets.map(({ partition, latest }) => ({ topic: hits.name, partition, offset: latest }))
        await log.resetGroup(`${app}.${kind}`, ends)
        await using again = await run(rest[kind])
        await again.send(hits, { user: 'a' })
        await until(again, ['a 1', 'a 2', 'b 1'])
      }))
  }

  it('[1.6] is said, and no more, where state is committed before positions anyway', () =>
    withLog(async (log, prefix) => {
      const { app, hits, keyed, warnings, run, until } = scene(log, prefix)
      const first = await run(keyed)
      await first.send(hits, { user: 'a' })
      await until(first, ['a 1'])
      await first.stop({ leave: true })
      await log.deleteGroup(`${app}.keyed`)
      await using again = await run(keyed, { guarantee: 'at-least-once' })
      assert.match(warnings.join('\n'), /keyed: there is state .* no positions any more/)
      await until(again, ['a 1', 'a 2'])
    }))
}
