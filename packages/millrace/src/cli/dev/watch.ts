import { existsSync, type FSWatcher, watch } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Clock } from '../../std/clock.ts'

/** Editors write a file in several steps, and several files at once. */
const SETTLE_MS = 120
const SOURCE = /\.(?:[cm]?[jt]sx?|json)$/

/** Watches the folders of source files; tells of a change once it has settled. */
export class SourceWatch {
  readonly #clock: Clock
  readonly #onChange: (files: readonly string[]) => void
  readonly #watchers = new Map<string, FSWatcher>()
  #changed = new Set<string>()
  #cancel = () => {}

  constructor(clock: Clock, onChange: (files: readonly string[]) => void) {
    this.#clock = clock
    this.#onChange = onChange
  }

  /** From now on also the folders of these files are watched. */
  add(files: Iterable<string>): void {
    for (const file of files) this.addFolder(dirname(file))
  }

  addFolder(folder: string): void {
    if (this.#watchers.has(folder) || !existsSync(folder)) return
    const watcher = watch(folder, (_, name) => {
      if (name !== null && SOURCE.test(name)) this.#note(join(folder, name))
    })
    // A folder that goes away is no reason to stop.
    watcher.on('error', () => this.#watchers.delete(folder))
    this.#watchers.set(folder, watcher)
  }

  #note(file: string): void {
    this.#changed.add(file)
    this.#cancel()
    this.#cancel = this.#clock.after(SETTLE_MS, () => {
      const files = [...this.#changed].sort()
      this.#changed = new Set()
      this.#onChange(files)
    })
  }

  close(): void {
    this.#cancel()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }
}
