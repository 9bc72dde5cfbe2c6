/** The files of `toFile` sinks, kept in memory. */
export class MemoryFiles {
  readonly #written = new Map<string, string[]>()
  #waiting: { readonly path: string; readonly line: string }[] = []

  write(path: string, line: string): void {
    this.#waiting.push({ path, line })
  }

  async flush(): Promise<void> {
    for (const { path, line } of this.#waiting) {
      const lines = this.#written.get(path)
      if (lines) lines.push(line)
      else this.#written.set(path, [line])
    }
    this.#waiting = []
  }

  /** What a kill loses: lines that no commit has asked for yet. */
  drop(): void {
    this.#waiting = []
  }

  lines(path: string): readonly string[] {
    return [...(this.#written.get(path) ?? [])]
  }
}
