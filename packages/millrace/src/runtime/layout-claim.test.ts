import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, start, topic } from '../index.ts'
import { type FetchOptions, type FetchPosition, LogError, type MemberIdentity } from '../log/log.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { VirtualClock } from '../std/clock.ts'
import { confirmWhenReachable } from './confirm-layouts.ts'
import { LayoutClaim } from './layout-claim.ts'

const t0 = { topic: 't', partition: 0 }
const t1 = { topic: 't', partition: 1 }
const u0 = { topic: 'u', partition: 0 }
const identity = (generation: number): MemberIdentity => ({ group: 'g', memberId: 'm', generation })

/** Lets everything that can go on do so; the clock stands still. */
async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
}

/** A pipeline that notes what it is told, and a claim whose confirmations are answered by hand. */
function setting({ patient = false } = {}) {
  const clock = new VirtualClock()
  const told: string[] = []
  const asked: PromiseWithResolvers<void>[] = []
  const list = (partitions: readonly { topic: string; partition: number }[]) =>
    partitions.map(each => `${each.topic}${each.partition}`).join()
  const hosted = {
    assign: (partitions: (typeof t0)[], { generation }: MemberIdentity) =>
      void told.push(`assign ${list(partitions)} in ${generation}`),
    setIdentity: ({ generation }: MemberIdentity) => void told.push(`identity ${generation}`),
    revoke: async (partitions: (typeof t0)[]) => void told.push(`revoke ${list(partitions)}`),
    lost: () => void told.push('lost'),
  } as unknown as Parameters<LayoutClaim['lost']>[0]
  const confirm = () => {
    const answer = Promise.withResolvers<void>()
    asked.push(answer)
    return answer.promise
  }
  const claim = new LayoutClaim({
    clock,
    newTopics: new Set(['t']),
    keptTopics: new Set(['t', 'u']),
    confirm: isWanted => (patient ? confirmWhenReachable(clock, confirm, isWanted) : confirm()),
    onFailed: error => void told.push(`failed: ${error.message}`),
    onLate: () => void told.push('late'),
  })
  return { clock, told, asked, claim, hosted }
}

describe('the claim of a new layout', () => {
  it('[8.2] is made before the first partition with the layout is taken on, under the identity of that moment', async () => {
    const { told, asked, claim, hosted } = setting()
    claim.assigned(hosted, [u0], identity(1))
    claim.assigned(hosted, [t0], identity(2))
    assert.equal(claim.held, 1)
    claim.identified(hosted, identity(3))
    claim.assigned(hosted, [t1], identity(4))
    assert.deepEqual(told, ['assign u0 in 1', 'identity 2', 'identity 3', 'identity 4'])
    asked[0]!.resolve()
    await turns()
    assert.deepEqual(told.slice(4), ['assign t0,t1 in 4'])
    assert.deepEqual([asked.length, claim.held], [1, 0])
    claim.assigned(hosted, [t0], identity(5))
    assert.equal(told.at(-1), 'assign t0 in 5')
  })

  it('[8.2] holds nobody up who wants a partition back: one that was held never came', async () => {
    const { told, asked, claim, hosted } = setting()
    claim.assigned(hosted, [t0, t1, u0], identity(1))
    await claim.revoked(hosted, [t1, u0])
    asked[0]!.resolve()
    await turns()
    assert.deepEqual(told, ['assign u0 in 1', 'revoke t1,u0', 'assign t0 in 1'])
  })

  it('[8.2] that hangs while the membership is lost is given up, and another one is made for what comes then, whatever the layout', async () => {
    const { told, asked, claim, hosted } = setting()
    claim.assigned(hosted, [t0], identity(1))
    claim.lost(hosted)
    claim.assigned(hosted, [u0], identity(2))
    assert.deepEqual([asked.length, claim.held], [2, 1])
    asked[0]!.resolve()
    await turns()
    assert.deepEqual(told, ['identity 1', 'lost', 'identity 2'])
    asked[1]!.resolve()
    await turns()
    assert.deepEqual(told.slice(3), ['assign u0 in 2'])
  })

  it('[8.2] that cannot be made takes nothing on; of one that is given up nobody hears', async () => {
    const { told, asked, claim, hosted } = setting()
    claim.assigned(hosted, [t0], identity(1))
    claim.lost(hosted)
    claim.assigned(hosted, [t0], identity(2))
    for (const each of asked) each.reject(new Error('newer code has been at work'))
    await turns()
    assert.deepEqual(told, ['identity 1', 'lost', 'identity 2', 'failed: newer code has been at work'])
  })

  it('[8.2] is asked for again when no answer comes, and after 30 s the partitions are given up', async () => {
    const { clock, told, asked, claim, hosted } = setting({ patient: true })
    claim.assigned(hosted, [t0], identity(1))
    clock.advance(15_000)
    await turns()
    clock.advance(20)
    await turns()
    assert.equal(asked.length, 2)
    clock.advance(14_980)
    await turns()
    assert.deepEqual(told, ['identity 1', 'lost', 'late'])
    asked[1]!.reject(new LogError('unavailable', 'no leader', { retriable: true }))
    await turns()
    clock.advance(60_000)
    await turns()
    assert.deepEqual([asked.length, told.length, claim.held], [2, 3, 0])
  })
})

/** A log on which nothing is heard of one topic while `isSilent`. */
class PartlySilentLog extends MemoryLog {
  isSilent = false
  readonly #topic: string

  constructor(broker: MemoryBroker, topic: string) {
    super(broker)
    this.#topic = topic
  }

  override async fetch(positions: readonly FetchPosition[], options: FetchOptions) {
    if (this.isSilent && positions.some(each => each.topic === this.#topic)) await new Promise(() => {})
    return super.fetch(positions, options)
  }
}

const hits = topic('hits', { value: json<{ url: string }>(), key: 'url', partitions: 2 })
const rows = topic('rows', { value: json<{ n: number }>() })
const views = pipeline('views', p => {
  p.from(hits).byKey().aggregate('per-url', { n: count() }).emit('updates').to(rows)
})

describe('an app that cannot confirm what it keeps', () => {
  it('[8.2] leaves its partitions to others, says so, and has some again when it can', async () => {
    const clock = new VirtualClock(1_700_000_000_000)
    const broker = new MemoryBroker({ clock })
    const warnings: string[] = []
    const logger = { info() {}, error() {}, warn: (message: string) => void warnings.push(message) }
    const log = new PartlySilentLog(broker, 'shop.views.changelog')
    const options = { app: 'shop', clock, sessionTimeoutMs: 1_000 }
    const until = async (what: string, condition: () => boolean) => {
      for (let i = 0; !condition(); i++) {
        assert.ok(i < 5_000, `${what}: ${JSON.stringify(app.health())}, ${warnings.join()}`)
        await new Promise(resolve => setImmediate(resolve))
        if (i % 10 === 0) clock.advance(100)
      }
    }
    const started = start([views], { ...options, log, logger })
    await using app = await started
    const phase = () => app.health().pipelines[0]!.phase
    const partitions = () => app.health().pipelines[0]!.partitions
    await until('it has everything', () => phase() === 'running' && partitions() === 2)
    log.freeze()
    clock.advance(3_000)
    log.isSilent = true
    log.thaw()
    await until('it joins, and holds what comes', () => phase() === 'joining' && partitions() === 2)
    assert.match(await app.metrics(), /millrace_held_partitions\{pipeline="views"\} 2/)
    assert.equal(app.health().isReady, false)
    await until('it leaves', () => partitions() === 0)
    assert.match(warnings.join('\n'), /views: .*shop\.views\.changelog does not answer.*leaves its group/)
    assert.equal(phase(), 'joining')
    assert.deepEqual((await log.describeGroup('shop.views'))?.members ?? [], [])
    log.isSilent = false
    await until('it is back', () => phase() === 'running' && partitions() === 2)
    assert.match(await app.metrics(), /millrace_held_partitions\{pipeline="views"\} 0/)
    await app.send(hits, { url: 'a' })
    let written = 0
    for (let i = 0; written === 0; i++) {
      assert.ok(i < 500, 'nothing is written')
      await turns()
      clock.advance(100)
      written = (await log.offsets('rows')).reduce((sum, { latest }) => sum + latest, 0)
    }
  })
})
