import type { Clock } from '../../std/clock.ts'
import { span } from '../format.ts'
import type { Terminal } from '../terminal.ts'
import type { ChildHandle } from './child-handle.ts'
import type { DevOptions } from './messages.ts'

export interface SessionParts {
  readonly terminal: Terminal
  readonly clock: Clock
  readonly cwd: string
  readonly options: DevOptions
  /** The project's pipeline files as of now. */
  pipelineFiles(): readonly string[]
  fork(): ChildHandle
  /** Told which files a child imported, whether it loaded or not. */
  onFiles(files: readonly string[]): void
}

/**
 * The processes of one `millrace dev`: the one that runs, and during a reload the one that is to follow it.
 *
 * A reload is a new process (SEMANTICS 8.2). It loads while the old one runs; when it has loaded, the old one drains
 * and commits, and the new one starts. The old one ends only after that: until then it can take over again.
 */
export class DevSession {
  readonly #parts: SessionParts
  #current: ChildHandle | undefined
  #next: ChildHandle | undefined
  #reloading: Promise<void> | undefined
  #isStale = false
  #isStopping = false

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  /** Loads the files as they are now and puts them in the place of what runs; one reload at a time, the last one wins. */
  reload(): Promise<void> {
    this.#isStale = true
    this.#reloading ??= this.#reloadWhileStale().finally(() => {
      this.#reloading = undefined
    })
    return this.#reloading
  }

  /** Lets everything drain, commit and end. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#next?.kill()
    await this.#reloading
    await this.#current?.exit()
  }

  /** Ends every process at once. */
  kill(): void {
    this.#next?.kill()
    this.#current?.kill()
  }

  async #reloadWhileStale(): Promise<void> {
    while (this.#isStale && !this.#isStopping) {
      this.#isStale = false
      await this.#reloadOnce()
    }
  }

  async #reloadOnce(): Promise<void> {
    const { clock, cwd, options } = this.#parts
    const startMs = clock.monotonic()
    const files = this.#parts.pipelineFiles()
    const child = this.#parts.fork()
    this.#next = child
    const loaded = await child.ask({ kind: 'load', files, cwd, options })
    if (loaded?.kind === 'loaded' || loaded?.kind === 'refused') this.#parts.onFiles(loaded.files)
    // A newer change is loaded instead; nobody has stopped for this one.
    if (loaded?.kind !== 'loaded' || this.#isStale || this.#isStopping) {
      this.#next = undefined
      child.kill()
      if (loaded?.kind !== 'loaded' && !this.#isStale && !this.#isStopping) this.#sayStays()
      return
    }
    await this.#takeOver(child, loaded.pipelines, startMs)
  }

  #sayStays(): void {
    const { terminal } = this.#parts
    const what = this.#current === undefined ? 'Nothing runs' : 'The old version stays'
    terminal.say(`${terminal.paint('yellow', what)} until a file changes`)
  }

  async #takeOver(child: ChildHandle, pipelines: readonly string[], startMs: number): Promise<void> {
    const { terminal, clock } = this.#parts
    const old = this.#current
    await old?.ask({ kind: 'stop' })
    const started = await child.ask({ kind: 'start' })
    this.#next = undefined
    if (started?.kind !== 'started') {
      child.kill()
      const back = await old?.ask({ kind: 'start' })
      if (back?.kind !== 'started') this.#current = undefined
      return this.#sayStays()
    }
    this.#current = child
    this.#listen(child)
    await old?.exit()
    const verb = old === undefined ? 'Running' : 'Reloaded'
    const tookMs = span(clock.monotonic() - startMs)
    terminal.say(
      `${terminal.paint(['green', 'bold'], verb)} ${pipelines.join(', ')} ${terminal.paint('dim', `(${tookMs})`)}`,
    )
  }

  #listen(child: ChildHandle): void {
    const { terminal } = this.#parts
    child.onTrouble(what => {
      if (this.#current !== child || this.#isStopping) return
      if (what === 'ended') {
        this.#current = undefined
        terminal.warn('the process of the pipelines ended by itself')
      }
      terminal.say(`${terminal.paint('yellow', 'Stopped')} until a file changes`)
    })
  }
}
