import { type ChildProcess, fork, type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { EmbeddedLogPort } from '../embedded-log.ts'
import { until } from './records.ts'

/** A child process, killed with the test if it still runs then. */
export class Child {
  readonly process: ChildProcess
  readonly messages: Record<string, unknown>[] = []
  readonly #exit: Promise<unknown[]>

  constructor(t: TestContext, script: URL, args: readonly string[]) {
    this.process = fork(script, args, { execArgv: [] })
    this.process.on('message', message => this.messages.push(message as Record<string, unknown>))
    this.#exit = once(this.process, 'exit')
    t.after(() => this.kill())
  }

  get pid(): number {
    return this.process.pid!
  }

  /** Resolves when a message of this type has come. */
  async told(type: string): Promise<Record<string, unknown>> {
    const find = () => this.messages.find(message => message.type === type)
    await until(`process ${this.pid} says ${type}`, () => find() !== undefined)
    return find()!
  }

  async kill(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGKILL')
    await this.#exit
  }

  /** Asks it to stop; resolves with its exit code. */
  async stop(): Promise<unknown> {
    this.process.send({ type: 'stop' })
    return (await this.#exit)[0]
  }
}

/** Copies the names of the records of `in` to `out`. */
export function startMember(t: TestContext, directory: string): Child {
  return new Child(t, new URL('./member-process.ts', import.meta.url), [directory])
}

/** Appends to `t` for ever, telling of each acknowledged record. */
export function startAppender(t: TestContext, directory: string, name: string): Child {
  return new Child(t, new URL('./appender-process.ts', import.meta.url), [directory, name])
}

/** Holds the write lock, or stands in the middle of a read. */
export function startLockHolder(t: TestContext, directory: string, mode: 'write' | 'read'): Child {
  return new Child(t, new URL('./lock-process.ts', import.meta.url), [directory, mode])
}

/** Appends to `t` until a file passes `blocks` of 512 bytes, which ends in an error of the disk. */
export function runLimited(directory: string, blocks: number): SpawnSyncReturns<string> {
  const script = fileURLToPath(new URL('./limited-process.ts', import.meta.url))
  const command = `ulimit -f ${blocks}; exec "${process.execPath}" "${script}" "${directory}"`
  return spawnSync('sh', ['-c', command], { encoding: 'utf8' })
}

/** A worker thread with a handle of its own. */
export function startHandleThread(port: EmbeddedLogPort): Worker {
  const url = new URL('./handle-thread.ts', import.meta.url)
  return new Worker(url, { workerData: port, transferList: [port.port] })
}
