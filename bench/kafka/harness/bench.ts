import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openKafkaLog } from '../../../packages/millrace/src/log/kafka/open.ts'
import type { Log } from '../../../packages/millrace/src/log/log.ts'
import { startCluster, type TestCluster } from '../../../tools/kafka/cluster.ts'
import { createTopics } from '../../data/input.ts'
import { fillInput, fillUsers, inputTopic, isInput } from '../data/input.ts'
import { oracle, type Workload } from '../data/oracle.ts'
import { resultsOf } from '../data/results.ts'
import { type Case, isPeer, nameOf, recordsOf } from './cases.ts'
import type { Measured } from './meter.ts'
import { preparePeer, runPeer } from './peer.ts'
import type { Job } from './run-case.ts'
import { inProcess, otherCore } from './spawn.ts'

const output = 'results'

/** Where a measure runs: alone on the broker but for the input, with a name and a folder of its own. */
export interface Place {
  readonly brokers: readonly string[]
  readonly log: Log
  readonly app: string
  readonly directory: string
  /** Removes the folder. */
  remove(): void
}

/** A broker with the input in it, and what it takes to run cases against it one after the other. */
export class Bench {
  readonly #cluster: TestCluster
  readonly #log: Log
  readonly #directory: string
  readonly #expected = new Map<string, string>()
  #users: Promise<void> | undefined
  #runs = 0
  #closed: Promise<void> | undefined

  /** Starts the broker whose data lie in `directory`, or makes it. */
  static async open(directory: string): Promise<Bench> {
    const cluster = await startCluster(1, { directory, core: otherCore })
    try {
      return new Bench(cluster, await openKafkaLog({ brokers: cluster.brokers }), directory)
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  private constructor(cluster: TestCluster, log: Log, directory: string) {
    this.#cluster = cluster
    this.#log = log
    this.#directory = directory
  }

  /** Makes what the cases need: the input, and the oracle's answer. */
  async prepare(each: Case, records: number): Promise<void> {
    const count = recordsOf(each, records)
    await fillInput(this.#log, count)
    if (each.workload === 'w3') await this.#fillUsers()
    this.#oracle(each.workload, count)
    if (isPeer(each.program)) preparePeer(each.program)
  }

  /** Runs a case once, from nothing, and checks all of its results. Throws when one is wrong. */
  async run(each: Case, records: number): Promise<Measured> {
    const count = recordsOf(each, records)
    const { brokers, app, directory, remove } = await this.place([output])
    const brokerPid = this.#cluster.pid(1)
    const input = inputTopic(count)
    const job: Job = { case: each, brokers, brokerPid, app, input, output, records: count, directory }
    const measured = isPeer(each.program)
      ? await runPeer(each.program, job, this.#log)
      : await inProcess<Measured>(new URL('./child.ts', import.meta.url), job)
    remove()
    const results = await resultsOf(this.#log, output, each.workload, count)
    const expected = this.#oracle(each.workload, count)
    if (results !== expected)
      throw new Error(`${nameOf(each)} gave wrong results: ${results}; the oracle says ${expected}`)
    return measured
  }

  /** Removes what was there before and makes these topics. */
  async place(topics: readonly string[]): Promise<Place> {
    await this.#clear()
    await createTopics(this.#log, topics)
    const directory = mkdtempSync(join(this.#directory, 'state-'))
    return {
      brokers: this.#cluster.brokers,
      log: this.#log,
      app: `bench-${process.pid}-${++this.#runs}`,
      directory,
      remove: () => rmSync(directory, { recursive: true, force: true }),
    }
  }

  /** Once for all cases. */
  #fillUsers(): Promise<void> {
    this.#users ??= fillUsers(this.#log)
    return this.#users
  }

  #oracle(workload: Workload, count: number): string {
    const id = `${workload} ${count}`
    const known = this.#expected.get(id) ?? oracle(workload, count)
    this.#expected.set(id, known)
    return known
  }

  /** Removes what the case before has left. */
  async #clear(): Promise<void> {
    const topics = (await this.#log.describeTopics()).map(({ name }) => name)
    const left = topics.filter(name => !isInput(name) && !name.startsWith('__'))
    if (left.length > 0) await this.#log.deleteTopics(left)
  }

  /** A second call waits for the first. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#clear()
    await this.#log.close()
    await this.#cluster.stop()
  }
}
