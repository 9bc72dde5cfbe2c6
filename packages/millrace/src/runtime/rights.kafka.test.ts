import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type SecuredCluster, startSecuredCluster } from '../../../../tools/kafka/cluster.ts'
import { unsecuredToken } from '../../../../tools/kafka/security.ts'
import { aclPlan } from '../cli/acls.ts'
import { count, json, pipeline, start, topic, tumbling } from '../index.ts'
import { openKafkaLog } from '../log/kafka/open.ts'
import { Acls } from '../log/kafka/testkit/acls.ts'
import { kafkaTool } from '../log/kafka/testkit/java-client.ts'
import { clientOf, isWithoutSecured } from '../log/kafka/testkit/secured.ts'
import { type Log, LogError, type TopicSpec } from '../log/log.ts'
import { type NeededRight, neededRights } from '../plan/rights.ts'
import { rightText } from '../std/access-right.ts'
import { PipelineStopped } from './pipeline-stopped.ts'
import { readTopic } from './testkit/read-topic.ts'
import { expectedRows, rowText, visitAt } from './testkit/visit-rows.ts'
import type * as Visits from './testkit/visits.ts'
import { specOf } from './topics.ts'

interface Hit {
  readonly user: string
  readonly url: string
  readonly at: number
}

const from = Date.UTC(2026, 0, 1)
/** Tokens of tests may name anybody, so each test has a user of its own. */
const hour = 3_600_000

describe('a pipeline under a user with rights', { skip: isWithoutSecured, timeout: 600_000 }, () => {
  let cluster: SecuredCluster
  let acls: Acls
  let admin: Log
  before(async () => {
    cluster = await startSecuredCluster()
    acls = new Acls(cluster.brokers)
    admin = await openKafkaLog({ brokers: cluster.brokers })
  })
  after(async () => {
    await admin?.close()
    await acls?.close()
    await cluster?.stop()
  })

  /** State behind a re-keying, a window, and a callback that fails for one record in seven; 300 records wait. */
  async function setting() {
    const app = `rights-${crypto.randomUUID().slice(0, 8)}`
    const hits = topic(`${app}-hits`, {
      value: json<Hit>(),
      key: 'user',
      timestamp: 'at',
      retention: 'forever',
    })
    const rows = topic(`${app}-rows`, { value: json<{ n: number; key: string }>(), retention: 'forever' })
    const perUrl = pipeline('per-url', p => {
      p.from(hits, { outOfOrder: '5s', idle: 'never' })
        .map(v => {
          if (v.url === '/3') throw new Error('three is not liked')
          return v
        })
        .keyBy('url')
        .window(tumbling('1s'))
        .aggregate('count', { n: count() })
        .emit('final')
        .to(rows)
    })
    await admin.createTopics([specOf(hits), specOf(rows)])
    const send = async (first: number, last: number) => {
      await using sender = await start([], { app, log: admin })
      const sent = Array.from({ length: last - first }, (_, i) => first + i)
      await Promise.all(
        sent.map(i => sender.send(hits, { user: `u${i % 5}`, url: `/${i % 7}`, at: from + i * 100 })),
      )
    }
    const needed = neededRights(app, perUrl.graph)
    const principal = `User:${app}`
    await acls.grant(principal, needed)
    const token = { 'sasl.mechanism': 'OAUTHBEARER', 'sasl.oauthbearer.token': unsecuredToken(app, hour) }
    const options = { app, ...clientOf(cluster, 'SASL_PLAINTEXT', token) }
    const runOnce = async () => {
      await using running = await start([perUrl], { ...options, once: true })
      await Promise.race([running.failed, running.finished])
    }
    const positions = async () =>
      (await admin.describeGroup(`${app}.per-url`))?.positions.map(({ topic, partition, offset }) => ({
        at: `${topic}/${partition}`,
        offset,
      }))
    return { app, principal, rows, perUrl, needed, options, send, runOnce, positions }
  }

  function isRefusal(error: unknown, right: NeededRight): boolean {
    const cause = error instanceof PipelineStopped ? error.cause : error
    assert.ok(cause instanceof LogError, `${error}`)
    assert.equal(cause.code, 'unauthorized', cause.message)
    const { operation, resource, name } = right
    const includesDescribe = ['Read', 'Write', 'Delete'].includes(operation)
    const operations = includesDescribe
      ? `(${operation}|Describe \\(part of Read, Write and Delete\\))`
      : operation
    assert.match(cause.message, new RegExp(`lacks the right ${operations} on ${resource} ${name}`))
    assert.match(cause.wayOut!, /^kafka-acls.sh .* --add .* describe <file> --acls/)
    return true
  }

  it('runs to the end with exactly the rights that are listed', async () => {
    const { app, rows, runOnce, send } = await setting()
    await send(0, 300)
    await runOnce()
    const counted = (await readTopic(admin, rows.name)).map(({ value }) => JSON.parse(value!).n as number)
    const failed = await readTopic(admin, `${app}.per-url.failed`)
    assert.equal(failed.length, 43)
    assert.equal(
      counted.reduce((sum, n) => sum + n, 0),
      300 - 43,
    )
  })

  it('runs with what the lines grant that describe --acls prints', async () => {
    const { app, principal, needed, rows, runOnce, send } = await setting()
    await acls.revoke(principal, needed)
    await send(0, 300)
    await assert.rejects(runOnce(), /lacks the right/)
    const { commands } = aclPlan(needed, {
      app,
      pipeline: 'per-url',
      principal,
      brokers: cluster.brokers.join(','),
    })
    for (const line of commands) {
      const [script, ...args] = line.split(' ')
      assert.equal(script, 'kafka-acls.sh')
      await kafkaTool('acls', args)
    }
    await runOnce()
    assert.notEqual((await readTopic(admin, rows.name)).length, 0)
  })

  it('says which right is missing, for each, and leaves everything as it was', async t => {
    const { principal, needed, rows, send, runOnce } = await setting()
    await send(0, 300)
    const isAtStart = (right: NeededRight) => right.operation !== 'Create' && right.operation !== 'Delete'
    for (const right of needed.filter(isAtStart)) {
      await t.test(rightText(right), async () => {
        await acls.revoke(principal, [right])
        await assert.rejects(runOnce(), error => isRefusal(error, right))
        await acls.grant(principal, [right])
      })
    }
    assert.deepEqual(await readTopic(admin, rows.name), [])
    await runOnce()
    const counted = (await readTopic(admin, rows.name)).map(({ value }) => JSON.parse(value!).n as number)
    assert.equal(
      counted.reduce((sum, n) => sum + n, 0),
      300 - 43,
    )
  })

  it('says it where its own topics may not be created', async () => {
    const { principal, needed, runOnce } = await setting()
    const create = needed.find(({ operation }) => operation === 'Create')!
    await acls.revoke(principal, [create])
    await assert.rejects(runOnce(), error => isRefusal(error, create))
  })

  it('stops where its own topics cannot be trimmed, before they fill the log', async () => {
    const { principal, needed, options, perUrl, send } = await setting()
    const trim = needed.find(({ operation }) => operation === 'Delete')!
    await acls.revoke(principal, [trim])
    await using running = await start([perUrl], options)
    let isOver = false
    const failure = running.failed.catch(error => {
      isOver = true
      return error as unknown
    })
    for (let i = 0; !isOver && i < 3000; i += 50) {
      await send(i, i + 50)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    assert.ok(isRefusal(await failure, trim))
  })

  for (const resource of ['Topic', 'Group', 'TransactionalId'] as const) {
    it(`stops when a right on a ${resource} is taken away while it runs`, async () => {
      const { principal, needed, options, perUrl, send, positions } = await setting()
      await send(0, 70)
      await using running = await start([perUrl], options)
      while (((await positions())?.length ?? 0) < 2) await new Promise(resolve => setTimeout(resolve, 50))
      const isIt = (right: NeededRight) => right.resource === resource && /Read|Write/.test(right.operation)
      const right = needed.findLast(isIt)!
      await acls.revoke(principal, [right])
      await send(70, 300)
      await assert.rejects(running.failed, error => isRefusal(error, right))
      assert.match(running.health().error!, /lacks the right/)
      await running.stop({ timeout: 0 })
    })
  }

  it('[1.5] runs in worker threads over TLS, with tokens that the control thread is asked for', async () => {
    const app = `rights-${crypto.randomUUID().slice(0, 8)}`
    const url = new URL('./testkit/visits.ts', import.meta.url)
    url.searchParams.set('topics', `${app}-`)
    const module = (await import(url.href)) as typeof Visits
    const { visits, perVisitor, perPage, default: plan } = module
    await admin.createTopics([visits, perVisitor, perPage].map(specOf).map(kept))
    const send = async (first: number, last: number) => {
      await using sender = await start([], { app, log: admin })
      const sent = Array.from({ length: last - first }, (_, i) =>
        sender.send(visits, visitAt(from, first + i)),
      )
      await Promise.all(sent)
    }
    await send(0, 300)
    const needed = neededRights(app, plan.graph)
    const principal = `User:${app}`
    await acls.grant(principal, needed)
    let asked = 0
    const token = () => {
      asked++
      return unsecuredToken(app, hour)
    }
    const client = { 'sasl.mechanism': 'OAUTHBEARER', 'sasl.oauthbearer.token': token }
    const options = { app, threads: 2, ...clientOf(cluster, 'SASL_SSL', client) }
    const write = needed.find(({ operation, isPrefix }) => operation === 'Write' && isPrefix)!
    {
      await using running = await start([url.href], options)
      await acls.revoke(principal, [write])
      await send(300, 400)
      await assert.rejects(running.failed, error => isRefusal(error, write))
      await running.stop({ timeout: 0 })
    }
    await acls.grant(principal, [write])
    await using running = await start([url.href], { ...options, once: true })
    await Promise.race([running.failed, running.finished])
    assert.ok(asked > 8, `there were ${asked} logins`)
    const rows = [...(await readTopic(admin, perVisitor.name)), ...(await readTopic(admin, perPage.name))]
    assert.deepEqual(rows.map(({ value }) => rowText(JSON.parse(value!))).sort(), expectedRows(from, 400))
  })
})

/** A topic that keeps records however old they are. */
function kept(spec: TopicSpec): TopicSpec {
  return { ...spec, retentionMs: -1 }
}
