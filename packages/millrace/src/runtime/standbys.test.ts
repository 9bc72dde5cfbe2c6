import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { count, json, pipeline, topic } from '../index.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { nodeDisk } from '../state/disk.ts'
import { readSnapshot } from '../state/snapshot.ts'
import { systemClock, VirtualClock } from '../std/clock.ts'
import { seededRandom } from '../std/random.ts'
import { Sender } from './sender.ts'
import { partitionsIn, prepareFolder } from './snapshot-folder.ts'
import { Snapshots } from './snapshots.ts'
import { Standbys } from './standbys.ts'
import { LocalStore } from './store-view.ts'
import { runPipeline, until } from './testkit/run-pipeline.ts'

const hits = topic('hits', { value: json<{ user: string }>(), key: 'user' })
const perUser = pipeline('per-user', { commitInterval: 1 }, p => {
  p.from(hits, { idle: 'never' }).byKey().aggregate('counts', { n: count() })
})
const users = 150

/** A pipeline that runs in one place, and copies of its state in another. */
async function setting(t: TestContext) {
  const broker = new MemoryBroker()
  const log = new MemoryLog(broker)
  const sender = new Sender(log, systemClock)
  const running = await runPipeline(perUser, log)
  const folder = await mkdtemp(join(tmpdir(), 'millrace-standbys-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const warnings: string[] = []
  const snapshots = new Snapshots({
    log,
    clock: systemClock,
    disk: nodeDisk,
    folder,
    prepare: () => prepareFolder(folder),
    random: seededRandom(1),
    pause: () => new Promise(resolve => setImmediate(resolve)),
    warn: message => warnings.push(message),
    recordsMin: 100,
  })
  const clock = new VirtualClock()
  const standbys = new Standbys({ log, clock, snapshots, warn: message => warnings.push(message) })
  const ends = async (name: string) => (await log.offsets(name))[0]!.latest
  return {
    log,
    running,
    snapshots,
    clock,
    standbys,
    warnings,
    folder,
    /** One hit of each user, committed. */
    async hit(): Promise<void> {
      await Promise.all(Array.from({ length: users }, (_, i) => sender.send(hits, { user: `u${i}` }, {})))
      await until(running, async () => {
        const [position] = await log.committed('test.per-user', [{ topic: 'hits', partition: 0 }])
        return position?.offset === (await ends('hits'))
      })
    },
    async copiedUpTo(): Promise<number> {
      return (await readSnapshot(nodeDisk, join(folder, 'counts-0.snapshot')))?.header.offset ?? 0
    },
    end: () => ends('test.per-user.counts.changelog'),
  }
}

describe('copies of the state of others', () => {
  it('[2.3] follow the changelog, one fold behind, and are what a task is restored from', async t => {
    const { log, running, snapshots, clock, standbys, warnings, ...of } = await setting(t)
    const subjects = running.run.storesOf([{ topic: 'hits', partition: 0 }])
    assert.deepEqual(
      subjects.map(({ topic, partition }) => `${topic}/${partition}`),
      ['test.per-user.counts.changelog/0'],
    )
    assert.deepEqual(subjects[0]!.layout, running.run.tasks[0]!.steps.find(Boolean)!.store.layout)
    await of.hit()
    standbys.keep(subjects.map(subject => ({ ...subject, isStandby: true })))
    await until(running, async () => (await of.copiedUpTo()) === (await of.end()))
    const first = await of.copiedUpTo()
    await of.hit()
    assert.equal(await of.copiedUpTo(), first)
    clock.advance(1_000)
    await until(running, async () => (await of.copiedUpTo()) === (await of.end()))
    await standbys.close()
    await snapshots.close()
    await running.stop()
    assert.deepEqual(await partitionsIn(of.folder, 'test', perUser.graph), [{ topic: 'hits', partition: 0 }])

    const taken: (number | undefined)[] = []
    await using next = await runPipeline(perUser, log, {
      snapshotOf: async partition => {
        const source = await snapshots.find(partition)
        taken.push(source?.records)
        return source
      },
    })
    await until(next, () => next.run.tasks.length === 1)
    // The store's header is a record, too.
    assert.deepEqual(taken, [users + 1])
    assert.deepEqual(await new LocalStore(next.run, 'counts').get('u7'), { n: 2 })
    assert.deepEqual(warnings, [])
  })

  it('are kept up no longer when they are somebody else’s', async t => {
    const { running, snapshots, clock, standbys, ...of } = await setting(t)
    const subjects = running.run.storesOf([{ topic: 'hits', partition: 0 }])
    await of.hit()
    standbys.keep(subjects)
    await until(running, async () => (await of.copiedUpTo()) > 0)
    standbys.keep([])
    await snapshots.settled()
    const before = await of.copiedUpTo()
    await of.hit()
    for (let i = 0; i < 3; i++) {
      clock.advance(1_000)
      await new Promise(resolve => setImmediate(resolve))
    }
    await standbys.close()
    await snapshots.close()
    assert.equal(await of.copiedUpTo(), before)
    await running.stop()
  })

  it('of partitions without state are none', async t => {
    const { running, snapshots } = await setting(t)
    assert.deepEqual(running.run.statefulTopics, ['hits'])
    assert.deepEqual(running.run.storesOf([{ topic: 'other', partition: 0 }]), [])
    await snapshots.close()
    await running.stop()
  })
})
