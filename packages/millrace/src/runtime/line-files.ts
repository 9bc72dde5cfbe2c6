import { appendFile } from 'node:fs/promises'

/** The files of `toFile` sinks: lines gathered until a commit, then appended. */
export class LineFiles {
  readonly #lines = new Map<string, string[]>()

  write(path: string, line: string): void {
    const lines = this.#lines.get(path)
    if (lines) lines.push(line)
    else this.#lines.set(path, [line])
  }

  async flush(): Promise<void> {
    for (const [path, lines] of [...this.#lines]) {
      this.#lines.delete(path)
      await appendFile(path, `${lines.join('\n')}\n`)
    }
  }
}
