import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { count, json, pipeline, topic } from '../index.ts'
import type { Log } from '../log/log.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { nodeDisk } from '../state/disk.ts'
import { readSnapshot } from '../state/snapshot.ts'
import { SnapshotReplacedError } from '../state/snapshot-format.ts'
import { systemClock, VirtualClock } from '../std/clock.ts'
import { seededRandom } from '../std/random.ts'
import { Sender } from './sender.ts'
import { ownUnfinished, prepareFolder } from './snapshot-folder.ts'
import { Snapshots, type SnapshotsOptions } from './snapshots.ts'
import { LocalStore } from './store-view.ts'
import { type RunningPipeline, runPipeline, until } from './testkit/run-pipeline.ts'

const hits = topic('hits', { value: json<{ user: string }>(), key: 'user' })
const perUser = pipeline('per-user', { commitInterval: 1 }, p => {
  p.from(hits, { idle: 'never' }).byKey().aggregate('counts', { n: count() })
})
const changelog = { topic: 'test.per-user.counts.changelog', partition: 0 }

class Setting {
  readonly log = new MemoryLog(new MemoryBroker())
  readonly sender = new Sender(this.log, systemClock)
  readonly warnings: string[] = []
  readonly folder: string
  readonly file: string

  constructor(data: string) {
    this.folder = join(data, 'state', 'test.per-user')
    this.file = join(this.folder, 'counts-0.snapshot')
  }

  snapshots(options: Partial<SnapshotsOptions> = {}): Snapshots {
    return new Snapshots({
      log: this.log,
      clock: systemClock,
      disk: ownUnfinished(nodeDisk, { pid: process.pid, thread: 0 }),
      folder: this.folder,
      prepare: () => prepareFolder(this.folder),
      random: seededRandom(1),
      pause: () => new Promise(resolve => setImmediate(resolve)),
      warn: message => this.warnings.push(message),
      recordsMin: 100,
      ...options,
    })
  }

  /** Runs the pipeline with these snapshots; told of its commits only while `folds`. */
  run(snapshots: Snapshots, folds = true): Promise<RunningPipeline> {
    return runPipeline(perUser, this.log, {
      snapshotOf: partition => snapshots.find(partition),
      onCommitted: tasks => {
        for (const { task, changes } of folds ? tasks : []) {
          for (const { step, topic, offset, endOffset, bytes } of changes)
            snapshots.written(
              { topic, partition: task.partition, layout: step.store.layout },
              endOffset - offset,
              bytes,
            )
        }
      },
    })
  }

  /** A record for each of `users` users. */
  async send(running: RunningPipeline, users: number): Promise<void> {
    await Promise.all(Array.from({ length: users }, (_, i) => this.sender.send(hits, { user: `u${i}` }, {})))
    const [end] = await this.log.offsets('hits')
    await until(running, async () => {
      const [position] = await this.log.committed('test.per-user', [{ topic: 'hits', partition: 0 }])
      return position?.offset === end!.latest
    })
  }

  /** How old the snapshot is when one record more has been written after so long. */
  async ageAfter(
    ms: number,
    { clock, running, snapshots }: { clock: VirtualClock; running: RunningPipeline; snapshots: Snapshots },
  ): Promise<number> {
    clock.advance(ms)
    await this.send(running, 1)
    await snapshots.settled()
    return clock.now() - (await readSnapshot(nodeDisk, this.file))!.header.createdMs
  }

  async ends() {
    const [partition] = await this.log.offsets(changelog.topic)
    return partition!
  }
}

async function inSetting(run: (setting: Setting) => Promise<void>): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'millrace-snapshots-'))
  try {
    await run(new Setting(data))
  } finally {
    await rm(data, { recursive: true, force: true })
  }
}

/** As a log says it whose topics have a setting of their own. */
function tombstonesKeptMs(log: MemoryLog, ms: number): Log {
  const kafka = { 'delete.retention.ms': `${ms}` }
  const describeTopics: Log['describeTopics'] = async names =>
    (await log.describeTopics(names)).map(info => ({ ...info, kafka }))
  return Object.assign(Object.create(log) as Log, {
    describeTopics,
    offsets: log.offsets.bind(log),
    fetch: log.fetch.bind(log),
  })
}

/** Most of it is one batch. */
async function flipInTheMiddle(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  const at = Math.floor((await file.stat()).size / 2)
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
  await file.write(Buffer.from([buffer[0]! ^ 0xff]), 0, 1, at)
}

function replaced(): AsyncGenerator<Uint8Array> {
  throw new SnapshotReplacedError()
}

const countOf = async (running: RunningPipeline, user: string) => {
  await until(running, () => running.run.tasks.length === 1)
  return new LocalStore(running.run, 'counts').get(user)
}

describe('the snapshots of a running pipeline', () => {
  it('[2.3] are folded once enough lies behind the one before, and restored with the tail', () =>
    inSetting(async setting => {
      const snapshots = setting.snapshots()
      await using running = await setting.run(snapshots)
      await setting.send(running, 60)
      await snapshots.settled()
      assert.equal(await nodeDisk.openRead(setting.file), undefined)
      await setting.send(running, 60)
      await snapshots.settled()
      const first = await snapshots.find(changelog)
      assert.equal(first!.offset, (await setting.ends()).latest)
      await setting.send(running, 110)
      await snapshots.settled()
      const second = await snapshots.find(changelog)
      assert.ok(second!.offset > first!.offset)
      await setting.send(running, 5)
      await running.stop()

      // With its head gone the changelog alone would not do.
      await setting.log.trim([{ ...changelog, offset: second!.offset }])
      await using again = await setting.run(setting.snapshots())
      assert.deepEqual(await countOf(again, 'u3'), { n: 4 })
      assert.deepEqual(await countOf(again, 'u59'), { n: 3 })
      assert.deepEqual(await countOf(again, 'u109'), { n: 1 })
      await again.stop()
      assert.deepEqual(setting.warnings, [])
      assert.deepEqual(await readdir(setting.folder), ['counts-0.snapshot'])
    }))

  it('[2.3] are folded the less often the more they hold, so that a fold does not cost more than what came since', () =>
    inSetting(async setting => {
      const snapshots = setting.snapshots({ recordsMin: 10 })
      await using running = await setting.run(snapshots, false)
      const written = async (users: number) => {
        await setting.send(running, users)
        const { layout } = running.run.tasks[0]!.steps.find(step => step !== undefined)!.store
        snapshots.written({ ...changelog, layout }, users, 0)
        await snapshots.settled()
        return (await readSnapshot(nodeDisk, setting.file))?.header.offset
      }
      const first = await written(100)
      assert.equal(first, (await setting.ends()).latest)
      assert.equal(await written(40), first)
      assert.equal(await written(20), (await setting.ends()).latest)
      await running.stop()
    }))

  it('[2.3] are folded, too, when few large records lie behind the one before', () =>
    inSetting(async setting => {
      const snapshots = setting.snapshots({ recordsMin: 1e9, bytesMin: 1_000 })
      await using running = await setting.run(snapshots)
      await setting.send(running, 100)
      await snapshots.settled()
      assert.ok((await snapshots.find(changelog)) !== undefined)
      await running.stop()
    }))

  it('[2.3] are left alone when they are damaged: the changelog is whole', () =>
    inSetting(async setting => {
      const snapshots = setting.snapshots()
      await using running = await setting.run(snapshots)
      await setting.send(running, 150)
      await snapshots.settled()
      await running.stop()
      await flipInTheMiddle(setting.file)
      await using again = await setting.run(setting.snapshots())
      assert.deepEqual(await countOf(again, 'u149'), { n: 1 })
      await again.stop()

      await writeFile(setting.file, 'no snapshot')
      await using third = await setting.run(setting.snapshots())
      assert.deepEqual(await countOf(third, 'u149'), { n: 1 })
      await third.stop()
      assert.match(setting.warnings[0]!, /counts\.changelog\/0: .*cannot be used.*changelog is read instead/)
    }))

  it('[2.3] of a changelog that was made anew are not used', () =>
    inSetting(async setting => {
      const snapshots = setting.snapshots()
      await using running = await setting.run(snapshots)
      await setting.send(running, 150)
      await snapshots.settled()
      await running.stop()
      await setting.log.deleteTopics([changelog.topic])
      await setting.log.createTopics([{ name: changelog.topic, partitions: 1, cleanup: 'compact' }])
      assert.equal(await setting.snapshots().find(changelog), undefined)
      assert.match(setting.warnings[0]!, /of another changelog/)
    }))

  it('[2.3] are made anew before they are too old, also when little is written', () =>
    inSetting(async setting => {
      const clock = new VirtualClock(1_700_000_000_000)
      const snapshots = setting.snapshots({ clock })
      await using running = await setting.run(snapshots)
      await setting.send(running, 150)
      await snapshots.settled()
      const ageAfter = (ms: number) => setting.ageAfter(ms, { clock, running, snapshots })
      assert.equal(await ageAfter(5 * 3_600_000), 5 * 3_600_000)
      assert.equal(await ageAfter(2 * 3_600_000), 0)
      await running.stop()
      clock.advance(11 * 3_600_000)
      assert.ok((await setting.snapshots({ clock }).find(changelog)) !== undefined)
      clock.advance(2 * 3_600_000)
      assert.equal(await setting.snapshots({ clock }).find(changelog), undefined)
    }))

  it('[2.3] go by how long the changelog itself keeps tombstones', () =>
    inSetting(async setting => {
      const clock = new VirtualClock(1_700_000_000_000)
      const log = tombstonesKeptMs(setting.log, 3_600_000)
      const snapshots = setting.snapshots({ clock, log })
      await using running = await setting.run(snapshots)
      await setting.send(running, 150)
      await snapshots.settled()
      const ageAfter = (ms: number) => setting.ageAfter(ms, { clock, running, snapshots })
      assert.equal(await ageAfter(14 * 60_000), 14 * 60_000)
      assert.equal(await ageAfter(2 * 60_000), 0)
      await running.stop()
      clock.advance(30 * 60_000)
      assert.ok((await setting.snapshots({ clock, log }).find(changelog)) !== undefined)
      clock.advance(1)
      assert.equal(await setting.snapshots({ clock, log }).find(changelog), undefined)
      assert.match(setting.warnings[0]!, /1800001 ms old: tombstones/)
    }))

  it('cost a warning, not the pipeline, when they cannot be written', () =>
    inSetting(async setting => {
      const full = { ...nodeDisk, create: () => Promise.reject(new Error('no space left')) }
      const snapshots = setting.snapshots({ disk: full })
      await using running = await setting.run(snapshots)
      await setting.send(running, 150)
      await snapshots.settled()
      assert.match(setting.warnings[0]!, /no snapshot could be made: no space left/)
      assert.deepEqual(await countOf(running, 'u1'), { n: 1 })
      await running.stop()
    }))

  it('[2.3] of the newer owner of a task, on the same disk, stay when an older fold comes to its end', () =>
    inSetting(async setting => {
      const newer = setting.snapshots({ disk: ownUnfinished(nodeDisk, { pid: process.pid, thread: 1 }) })
      let struck = 0
      const older: Snapshots = setting.snapshots({
        pause: async () => {
          if (struck++ > 0) return
          newer.written(subject(), 1_000, 0)
          await newer.settled()
        },
      })
      await using running = await setting.run(older, false)
      const subject = () => {
        const { layout } = running.run.tasks[0]!.steps.find(step => step !== undefined)!.store
        return { ...changelog, layout }
      }
      // Its header is shorter than that of the next one, whose offset has a digit more.
      await setting.send(running, 950)
      newer.written(subject(), 1_000, 0)
      await newer.settled()
      await setting.send(running, 100)
      older.written(subject(), 1_000, 0)
      await older.settled()
      await running.stop()
      assert.ok(struck > 0)
      assert.equal((await setting.snapshots().find(changelog))!.offset, (await setting.ends()).latest)
      assert.deepEqual(setting.warnings, [])
    }))

  for (const [damage, strike] of [
    ['harmed in the middle', (file: string) => flipInTheMiddle(file)],
    ['removed', (file: string) => rm(file)],
  ] as const)
    it(`[2.3] are folded from the changelog alone when the one before is ${damage} meanwhile`, () =>
      inSetting(async setting => {
        let isStruck = false
        const snapshots = setting.snapshots({
          pause: async () => {
            if (isStruck || !existsSync(setting.file)) return
            isStruck = true
            await strike(setting.file)
          },
        })
        await using running = await setting.run(snapshots)
        await setting.send(running, 150)
        await snapshots.settled()
        await setting.send(running, 150)
        await snapshots.settled()
        assert.ok(isStruck)
        assert.equal((await snapshots.find(changelog))!.offset, (await setting.ends()).latest)
        assert.equal(setting.warnings.length, 1)
        assert.match(setting.warnings[0]!, /counts\.changelog\/0: .*; the changelog is read instead/)
        await running.stop()
        await using again = await setting.run(setting.snapshots())
        assert.deepEqual(await countOf(again, 'u149'), { n: 2 })
        await again.stop()
      }))

  it('[2.3] are opened again when another comes into their place while a task is restored', () =>
    inSetting(async setting => {
      const snapshots = setting.snapshots()
      await using running = await setting.run(snapshots)
      await setting.send(running, 150)
      await snapshots.settled()
      await running.stop()
      const found = await snapshots.find(changelog)
      // With its head gone the changelog alone would not do.
      await setting.log.trim([{ ...changelog, offset: found!.offset }])
      let opened = 0
      await using again = await runPipeline(perUser, setting.log, {
        snapshotOf: async partition => {
          const snapshot = await snapshots.find(partition)
          if (opened++ > 0) return snapshot
          return { ...snapshot!, batches: replaced }
        },
      })
      assert.deepEqual(await countOf(again, 'u149'), { n: 1 })
      assert.equal(opened, 2)
      await again.stop()
    }))

  it('are given up in the middle when the process ends, and what a dead one left is removed', () =>
    inSetting(async setting => {
      let pauses = 0
      const snapshots: Snapshots = setting.snapshots({
        pause: async () => {
          if (++pauses === 1) void snapshots.close()
        },
      })
      await using running = await setting.run(snapshots)
      await setting.send(running, 5_000)
      await snapshots.settled()
      assert.ok(pauses > 0)
      assert.equal(await nodeDisk.openRead(setting.file), undefined)
      await running.stop()

      // No process has this number: the kernel's largest is 2^22.
      await writeFile(join(setting.folder, `counts-0.snapshot.${2 ** 22 + 1}-0.tmp`), '')
      await writeFile(join(setting.folder, `counts-0.snapshot.${process.ppid}-0.tmp`), '')
      await prepareFolder(setting.folder)
      assert.deepEqual(await readdir(setting.folder), [`counts-0.snapshot.${process.ppid}-0.tmp`])
    }))
})
