/** The process that `millrace dev` runs pipelines in; it is told what to do over the channel to its parent. */
import type { App } from '../../runtime/app.ts'
import { systemClock } from '../../std/clock.ts'
import { CliError } from '../cli-error.ts'
import { explainError } from '../explain.ts'
import { type LoadedPipeline, loadPipelines } from '../load/load-pipeline.ts'
import type { RunOptions } from '../run/prepare.ts'
import { startApp } from '../run/start-app.ts'
import { loadSettings } from '../settings.ts'
import { Terminal } from '../terminal.ts'
import { quietWarnings } from '../warnings.ts'
import { noteLoadedFiles } from './loaded-files.ts'
import type { DevOptions, FromChild, LoadMessage, ToChild } from './messages.ts'

const SETTLE_MS = 3_000
const LOOK_MS = 20

class DevChild {
  readonly #terminal = new Terminal(process.stdout, process.stderr)
  readonly #files = noteLoadedFiles()
  #pipelines: readonly LoadedPipeline[] = []
  #options: RunOptions | undefined
  #app: App | undefined
  /** Messages are handled one after the other. */
  #last: Promise<void> = Promise.resolve()

  listen(): void {
    quietWarnings(process, this.#terminal)
    process.on('message', (message: ToChild) => this.#enqueue(() => this.#handle(message)))
    // Ctrl-C reaches the whole group; the parent says what to do then. When it is gone, nobody will.
    process.on('SIGINT', () => {})
    process.on('SIGTERM', () => this.#enqueue(() => this.#end()))
    process.on('disconnect', () => this.#enqueue(() => this.#end()))
  }

  #enqueue(work: () => Promise<void>): void {
    this.#last = this.#last.then(work).catch(error => this.#terminal.error(explainError(error)))
  }

  async #handle(message: ToChild): Promise<void> {
    switch (message.kind) {
      case 'load':
        return this.#load(message)
      case 'start':
        return this.#start()
      case 'stop':
        await this.#stop()
        return tell({ kind: 'stopped' })
      case 'exit':
        return this.#end()
    }
  }

  async #load({ files, cwd, options }: LoadMessage): Promise<void> {
    try {
      this.#options = { ...options, kafka: await kafkaOf(options, cwd) }
      this.#pipelines = await loadPipelines(files, cwd)
      const names = this.#pipelines.map(({ pipeline }) => pipeline.name)
      tell({ kind: 'loaded', pipelines: names, files: [...this.#files] })
    } catch (error) {
      this.#terminal.error(explainError(error))
      tell({ kind: 'refused', files: [...this.#files] })
    }
  }

  async #start(): Promise<void> {
    try {
      this.#app = await startApp(this.#terminal, this.#pipelines, {
        ...this.#options!,
        once: false,
        // Undoing an edit is an edit: nobody else's code is in danger, where nobody else is.
        rollback: this.#options!.brokers === undefined || this.#options!.rollback,
        freeze: true,
        onError: message => this.#terminal.error(new CliError(message)),
      })
    } catch (error) {
      this.#terminal.error(explainError(error))
      return tell({ kind: 'start-failed' })
    }
    // The app's logger has said why.
    const failed = this.#app.failed.catch(() => 'failed' as const)
    if ((await Promise.race([failed, settled(this.#app)])) === 'failed') {
      await this.#stop()
      return tell({ kind: 'start-failed' })
    }
    void failed.then(() => tell({ kind: 'failed' }))
    tell({ kind: 'started' })
  }

  async #stop(): Promise<void> {
    const running = this.#app
    this.#app = undefined
    await running?.stop({ timeout: this.#options!.stopTimeoutMs })
  }

  async #end(): Promise<void> {
    await this.#stop().catch(error => this.#terminal.error(explainError(error)))
    process.exit(0)
  }
}

/** Kafka's settings, as the configuration file has them. */
async function kafkaOf({ brokers, config }: DevOptions, cwd: string): Promise<RunOptions['kafka']> {
  return brokers === undefined ? undefined : (await loadSettings({ config }, process.env, cwd)).kafka
}

/**
 * Resolves when every pipeline has restored a task, or has had the time for it (other processes may hold all of
 * them): state that does not fit the code shows before that.
 */
async function settled(app: App): Promise<'settled'> {
  const endMs = systemClock.monotonic() + SETTLE_MS
  while (app.health().pipelines.some(({ tasks }) => tasks.length === 0)) {
    if (systemClock.monotonic() >= endMs) break
    await new Promise<void>(resolve => systemClock.after(LOOK_MS, resolve))
  }
  return 'settled'
}

function tell(message: FromChild): void {
  if (process.connected) process.send!(message)
}

new DevChild().listen()
