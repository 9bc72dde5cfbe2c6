import { rmSync } from 'node:fs'
import { count, json, type Pipeline, pipeline, sum, topic } from 'millrace'
import { buildPrograms } from '../../packages/millrace/src/engine/compile-sub.ts'
import { createTask, type TaskWorld } from '../../packages/millrace/src/engine/create-task.ts'
import { cutTask } from '../../packages/millrace/src/engine/cut.ts'
import { nextOffset } from '../../packages/millrace/src/engine/next-offset.ts'
import { openEmbeddedLog } from '../../packages/millrace/src/log/embedded/open.ts'
import type { OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { BatchWriter } from '../../packages/millrace/src/record/writer.ts'
import { start } from '../../packages/millrace/src/runtime/start.ts'
import { BufferPool } from '../../packages/millrace/src/std/buffer-pool.ts'
import { systemClock } from '../../packages/millrace/src/std/clock.ts'
import { partitionOf } from '../../packages/millrace/src/std/murmur2.ts'

export interface StateFigures {
  /** Bytes that a store of 1 M keys holds, less the keys' own, by key. */
  readonly bytesPerKey: number
  /** How long cutting a commit of 100k changed rows out of it stops the loop. */
  readonly pause: Times
  /** From `start` to tasks that run, with 1 M keys of state in the embedded log. */
  readonly restart: Times
}

/** Medians in ms. On a busy machine the time waited says more about the neighbours than about the program. */
export interface Times {
  readonly wall: number
  /** CPU time: of the loop's thread for a pause, of the process for a restart. */
  readonly cpu: number
}

const keyCount = 1_000_000
const dirtyCount = 100_000
const keyBytes = 7
const partitions = 4

const keys = topic('keys', { value: json<{ ms: number }>(), partitions })

function totals(name: string): Pipeline {
  return pipeline(name, p => {
    p.from(keys, { idle: 'never' })
      .byKey()
      .aggregate('per-user', { n: count(), total: sum('ms') })
  })
}

/** Measures stores, commits and restarts with a million keys of a count and a sum. `directory` must lie on a real disk. */
export async function stateFigures(directory: string): Promise<StateFigures> {
  return { ...inOneTask(), restart: await restart(directory) }
}

function inOneTask(): Pick<StateFigures, 'bytesPerKey' | 'pause'> {
  const [sub] = buildPrograms(totals('state').graph, {
    app: 'bench',
    closedLog: true,
    mode: 'compiled',
    freeze: false,
  })
  const { plan, program } = sub!
  const position = {
    topic: 'keys',
    partition: 0,
    offset: 0,
    committedOffset: -1,
    metadata: new Uint8Array(0),
  }
  const task = createTask(plan, program, 0, [position], world)
  const input = task.inputs[0]!
  const feed = (from: number, to: number) => {
    for (const { bytes } of batches(from, to, 1, input.fetchOffset)) {
      const part = {
        topic: 'keys',
        partition: 0,
        offset: input.fetchOffset,
        highWatermark: 1e12,
        logStartOffset: 0,
      }
      input.offer({ ...part, batches: [bytes] }, nextOffset, 0)
      while (input.openBatch()) program.run(task, input, Number.POSITIVE_INFINITY)
    }
  }
  feed(0, keyCount)
  const { store } = task.steps.find(step => step !== undefined)!
  const bytesPerKey = store.byteLength / keyCount - keyBytes
  cutTask(task, Date.now())
  const pauses = new Stopwatch(() => process.threadCpuUsage())
  for (let i = 0; i < 25; i++) {
    const from = (i * dirtyCount) % keyCount
    feed(from, from + dirtyCount)
    const stop = pauses.start()
    cutTask(task, Date.now())
    // The first ones are warm-up.
    if (i >= 5) stop()
  }
  return { bytesPerKey, pause: pauses.medians }
}

async function restart(directory: string): Promise<Times> {
  rmSync(directory, { recursive: true, force: true })
  const log = await openEmbeddedLog({ directory })
  await log.createTopics([{ name: 'keys', partitions }])
  for (const batch of batches(0, keyCount, partitions)) await log.append([batch])
  const options = { app: 'bench', log }
  const first = await start([totals('restart')], { ...options, once: true })
  await Promise.race([first.finished, first.failed])
  await first.stop()
  const times = new Stopwatch(() => process.cpuUsage())
  for (let i = 0; i < 5; i++) {
    const stop = times.start()
    const app = await start([totals('restart')], options)
    while (app.health().pipelines[0]!.tasks.length < partitions)
      await new Promise(resolve => setTimeout(resolve, 5))
    stop()
    const key = `u${String(keyCount - 1).padStart(6, '0')}`
    const row = (await app.store('per-user').get(key)) as { n: number } | undefined
    if (row?.n !== 1) throw new Error(`The restarted pipeline does not know ${key}: ${JSON.stringify(row)}`)
    await app.stop()
  }
  await log.close()
  rmSync(directory, { recursive: true, force: true })
  return times.medians
}

class Stopwatch {
  readonly #cpuUsage: () => NodeJS.CpuUsage
  readonly #walls: number[] = []
  readonly #cpus: number[] = []

  constructor(cpuUsage: () => NodeJS.CpuUsage) {
    this.#cpuUsage = cpuUsage
  }

  /** The function returned takes the time since. */
  start(): () => void {
    const wall = performance.now()
    const before = this.#cpuUsage()
    return () => {
      const after = this.#cpuUsage()
      this.#walls.push(performance.now() - wall)
      this.#cpus.push((after.user + after.system - before.user - before.system) / 1e3)
    }
  }

  get medians(): Times {
    return { wall: median(this.#walls), cpu: median(this.#cpus) }
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

/** One record for each key from `from` on. */
function* batches(from: number, to: number, count: number, baseOffset = 0): Generator<OutgoingBatch> {
  const writers = Array.from({ length: count }, () => new BatchWriter())
  const key = Buffer.alloc(keyBytes)
  const value = Buffer.from('{"ms":12}')
  let offset = baseOffset
  const seal = (partition: number): OutgoingBatch => {
    const records = writers[partition]!.count
    const bytes = writers[partition]!.finish({ baseOffset: offset })
    offset += records
    return { topic: 'keys', partition, bytes }
  }
  for (let i = from; i < to; i++) {
    key.write(`u${String(i).padStart(6, '0')}`, 'latin1')
    const partition = partitionOf(key, 0, keyBytes, count)
    writers[partition]!.append(Date.UTC(2026, 0, 1), key, 0, keyBytes, value, 0, value.length)
    if (writers[partition]!.count === 1_000) yield seal(partition)
  }
  for (let partition = 0; partition < count; partition++)
    if (writers[partition]!.count > 0) yield seal(partition)
}

const world: TaskWorld = {
  clock: systemClock,
  nextSeed: () => 20_260_103,
  partitionsOf: () => 1,
  upstreamsOf: () => [],
  memory: new BufferPool(),
  recordBytesMaxOf: () => 16 * 1024 * 1024,
  lines: { writeLine() {}, print() {} },
  wake() {},
  onFirstIncident(incident) {
    throw new Error(`A record of the benchmark failed: ${JSON.stringify(incident)}`)
  },
}
