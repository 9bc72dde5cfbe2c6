import { addAbortSignal, type Readable } from 'node:stream'
import type { Log } from '../../log/log.ts'
import type { Topic } from '../../plan/topic.ts'
import { prepareTopic } from '../../runtime/preparation.ts'
import { ensureTopics } from '../../runtime/topics.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { Progress } from '../progress.ts'
import { existingTopic } from '../topic-figures.ts'
import { Appender } from './appender.ts'
import { type LineEncoder, lineEncoder } from './encode.ts'
import { splitLines } from './lines.ts'
import { Pace, wait } from './pace.ts'

export interface ProduceInput {
  readonly name: string
  readonly stream: Readable
  /** Its size where that is known. */
  readonly bytes: number | undefined
}

export interface ProduceOptions {
  readonly topic: string
  /** The topic as the project declares it. */
  readonly declared: Topic | undefined
  readonly lines: boolean
  readonly key?: string
  readonly timestamp?: string
  /** Records per second. */
  readonly rate: number | undefined
  readonly skipInvalid?: boolean
  readonly end?: boolean
}

export interface ProduceResult {
  readonly topic: string
  readonly records: number
  readonly skipped: number
  readonly ended: boolean
  readonly summary: string
}

/**
 * Writes every line of the input as a record and resolves when all are durable, or a stop was asked for. Throws
 * `CliError` with the number of the first line that is refused; what came before it is written.
 */
export async function produceLines(
  cli: Cli,
  log: Log,
  input: ProduceInput,
  options: ProduceOptions,
): Promise<ProduceResult> {
  const { topic, declared } = options
  const { clock, interrupt, terminal } = cli
  if (declared !== undefined) {
    await ensureTopics(log, [declared])
    await prepareTopic(declared)
  }
  const { partitions } = await existingTopic(log, topic)
  const encode = lineEncoder({ ...options, topic: declared, now: () => clock.now() })
  const run = new ProduceRun(cli, encode, new Appender(log, topic, partitions), input, options)
  try {
    await run.readAll()
    const ended = (options.end ?? false) && !interrupt.isRequested
    if (ended) await run.appender.end(clock.now())
    return {
      topic,
      records: run.appender.written,
      skipped: run.skipped,
      ended,
      summary: run.progress.summary(),
    }
  } finally {
    terminal.status(undefined)
    input.stream.destroy()
  }
}

class ProduceRun {
  readonly appender: Appender
  readonly progress: Progress
  skipped = 0
  readonly #cli: Cli
  readonly #encode: LineEncoder
  readonly #input: ProduceInput
  readonly #options: ProduceOptions
  readonly #pace: Pace | undefined

  constructor(
    cli: Cli,
    encode: LineEncoder,
    appender: Appender,
    input: ProduceInput,
    options: ProduceOptions,
  ) {
    this.appender = appender
    this.#cli = cli
    this.#encode = encode
    this.#input = input
    this.#options = options
    this.#pace = options.rate === undefined ? undefined : new Pace(cli.clock, options.rate)
    this.progress = new Progress(cli.terminal, cli.clock, 'records')
  }

  async readAll(): Promise<void> {
    const { signal } = this.#cli.interrupt
    try {
      for await (const { lines, firstNumber, bytesRead } of splitLines(
        addAbortSignal(signal, this.#input.stream),
      )) {
        await this.#writeLines(lines, firstNumber)
        await this.appender.flush()
        this.progress.update(this.appender.written, this.#estimate(bytesRead))
        if (signal.aborted) return
      }
    } catch (error) {
      // A stop ends a read that waits for input.
      if (!signal.aborted) throw error
    }
  }

  async #writeLines(lines: readonly Uint8Array[], firstNumber: number): Promise<void> {
    for (let i = 0; i < lines.length; i++) {
      const line = lines[i]!
      if (line.length === 0 && !this.#options.lines) continue
      if (this.#pace !== undefined && (await this.#turn(this.#pace))) return
      await this.#write(line, firstNumber + i)
    }
  }

  /** Waits for the next record's turn; true when a stop was asked for meanwhile. */
  async #turn(pace: Pace): Promise<boolean> {
    const { clock, interrupt } = this.#cli
    const waitMs = pace.take()
    if (waitMs > 0) {
      await this.appender.flush()
      this.progress.update(this.appender.written)
      await wait(clock, waitMs, interrupt.signal)
    }
    return interrupt.isRequested
  }

  async #write(line: Uint8Array, number: number): Promise<void> {
    let record: ReturnType<LineEncoder>
    try {
      record = this.#encode(line)
    } catch (cause) {
      if (this.#options.skipInvalid) {
        this.skipped++
        return
      }
      await this.appender.flush()
      throw this.#refused(number, cause as Error)
    }
    if (!this.appender.add(record)) await this.appender.flush()
  }

  #refused(number: number, cause: Error): CliError {
    const { written } = this.appender
    return new CliError(`Line ${number} of ${this.#input.name} is refused: ${cause.message}`, {
      wayOut: `mend the line, or --skip-invalid; ${written === 0 ? 'nothing was' : `the ${written} records before it are`} written`,
      cause,
    })
  }

  /** How many records there will be, by the part of the bytes that is read. */
  #estimate(bytesRead: number): number | undefined {
    const { bytes } = this.#input
    return bytes === undefined || bytesRead === 0
      ? undefined
      : Math.round((this.appender.written * bytes) / bytesRead)
  }
}
