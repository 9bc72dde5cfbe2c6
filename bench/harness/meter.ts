import type { Commit, Log } from '../../packages/millrace/src/log/log.ts'
import { inputTopic } from '../data/input.ts'

/** What a case took from the commit that ended its warm-up to its end. */
export interface Measured {
  readonly records: number
  /** User and system time of all threads of the process. */
  readonly cpuSeconds: number
  readonly systemSeconds: number
  readonly wallSeconds: number
}

interface Sample {
  readonly records: number
  readonly cpu: NodeJS.CpuUsage
  readonly wallMs: number
}

/** Watches how far a program has come by what it commits, and takes the whole process's CPU time by that. */
export class Meter {
  readonly #warmUpRecords: number
  readonly #positions = new Map<number, number>()
  #start: Sample | undefined

  constructor(warmUpRecords: number) {
    this.#warmUpRecords = warmUpRecords
    if (warmUpRecords === 0) this.#start = this.#sample()
  }

  /** Called when a commit has been cut and before it is made: what was read up to here has been worked off. */
  noteCommit(commit: Commit): void {
    for (const { topic, partition, offset } of commit.positions) {
      if (topic === inputTopic) this.#positions.set(partition, offset)
    }
    if (this.#start === undefined && this.#records >= this.#warmUpRecords) this.#start = this.#sample()
  }

  finish(): Measured {
    const start = this.#start
    if (start === undefined) throw new Error('The case ended before its warm-up did')
    const end = this.#sample()
    const user = end.cpu.user - start.cpu.user
    const system = end.cpu.system - start.cpu.system
    return {
      records: end.records - start.records,
      cpuSeconds: (user + system) / 1e6,
      systemSeconds: system / 1e6,
      wallSeconds: (end.wallMs - start.wallMs) / 1e3,
    }
  }

  get #records(): number {
    let records = 0
    for (const offset of this.#positions.values()) records += offset
    return records
  }

  #sample(): Sample {
    return { records: this.#records, cpu: process.cpuUsage(), wallMs: performance.now() }
  }
}

/** The log with a meter in its commits; with `closed` false it is one that others write to, so that schemas are checked. */
export function meteredLog(log: Log, meter: Meter, closed: boolean): Log {
  return {
    kind: log.kind,
    closed,
    createTopics: specs => log.createTopics(specs),
    describeTopics: names => log.describeTopics(names),
    alterTopics: changes => log.alterTopics(changes),
    deleteTopics: names => log.deleteTopics(names),
    offsets: topic => log.offsets(topic),
    offsetForTime: (topic, partition, time) => log.offsetForTime(topic, partition, time),
    trim: positions => log.trim(positions),
    clean: () => log.clean(),
    fetch: (positions, options) => log.fetch(positions, options),
    append: batches => log.append(batches),
    join: options => log.join(options),
    committed: (group, partitions) => log.committed(group, partitions),
    commit: commit => {
      meter.noteCommit(commit)
      return log.commit(commit)
    },
    listGroups: () => log.listGroups(),
    describeGroup: group => log.describeGroup(group),
    resetGroup: (group, positions) => log.resetGroup(group, positions),
    deleteGroup: group => log.deleteGroup(group),
    close: () => log.close(),
  }
}
