import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { RecordCursor } from '../../../record/cursor.ts'
import { BatchWriter } from '../../../record/writer.ts'
import type { Log } from '../../log.ts'

/** A child process running one of the files of this folder, killed with the test if it still runs. */
export class Child {
  readonly process: ChildProcess
  readonly messages: Record<string, unknown>[] = []
  readonly #exit: Promise<unknown[]>

  constructor(t: TestContext, file: string, args: readonly string[]) {
    this.process = fork(new URL(file, import.meta.url), args, { execArgv: [] })
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

/** Looks again and again, for at most 30 s. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1500; i++) {
    if (await condition()) return
    await setTimeout(20)
  }
  assert.fail(`Not within 30 s: ${what}`)
}

export function batchOf(values: readonly string[], timestamp = 1000): Uint8Array {
  const writer = new BatchWriter()
  for (const text of values) {
    const value = Buffer.from(text)
    writer.append(timestamp, null, 0, 0, value, 0, value.length)
  }
  return writer.finish()
}

/** Every value of the partition, in order, with its offset checked to follow the one before. */
export async function allValues(log: Log, topic: string, partition = 0): Promise<string[]> {
  const { earliest, latest } = (await log.offsets(topic))[partition]!
  const values: string[] = []
  const cursor = new RecordCursor()
  for (let offset = earliest; offset < latest; ) {
    const limits = { maxWaitMs: 0, maxBytes: 1 << 20, partitionMaxBytes: 1 << 20 }
    const [found] = await log.fetch([{ topic, partition, offset }], limits)
    assert.equal(found!.error, undefined)
    for (const batch of found!.batches) {
      cursor.open(batch)
      while (cursor.next()) {
        assert.equal(cursor.offset, offset++)
        values.push(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd))
      }
    }
  }
  return values
}
