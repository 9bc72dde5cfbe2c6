import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'

/** What a worker process says about itself, readable after its death. */
export interface TallyState {
  /** Commits acknowledged since the process started. */
  readonly commits: number
  /** Pipelines that have worked on records whose commit is not acknowledged. */
  readonly uncommitted: number
  /** Commits the log refused because the member was out of its group. */
  readonly fenced: number
}

const FIELDS = 3

/** Written by a worker with one small write per change, so that it is true at the instant of a kill. */
export class Tally {
  readonly #fd: number
  readonly #fields = new Int32Array(FIELDS)
  readonly #processed: number[]
  readonly #cut: number[]
  readonly #isDirty: boolean[]

  constructor(path: string, pipelines: number) {
    this.#fd = openSync(path, 'w')
    this.#processed = Array<number>(pipelines).fill(0)
    this.#cut = Array<number>(pipelines).fill(0)
    this.#isDirty = Array<boolean>(pipelines).fill(false)
    this.#write()
  }

  processed(pipeline: number): void {
    this.#processed[pipeline]!++
    if (!this.#isDirty[pipeline]) this.#setDirty(pipeline, true)
  }

  cut(pipeline: number): void {
    this.#cut[pipeline] = this.#processed[pipeline]!
  }

  acknowledged(pipeline: number): void {
    this.#fields[0]!++
    this.#setDirty(pipeline, this.#processed[pipeline]! > this.#cut[pipeline]!)
  }

  fenced(): void {
    this.#fields[2]!++
    this.#write()
  }

  #setDirty(pipeline: number, isDirty: boolean): void {
    this.#isDirty[pipeline] = isDirty
    this.#fields[1] = this.#isDirty.filter(Boolean).length
    this.#write()
  }

  #write(): void {
    writeSync(this.#fd, this.#fields, 0, FIELDS * 4, 0)
  }

  get commits(): number {
    return this.#fields[0]!
  }

  close(): void {
    closeSync(this.#fd)
  }
}

/** The last state a worker wrote; zeros before it wrote any. */
export function readTally(path: string): TallyState {
  try {
    const bytes = readFileSync(path)
    if (bytes.length < FIELDS * 4) return { commits: 0, uncommitted: 0, fenced: 0 }
    return { commits: bytes.readInt32LE(0), uncommitted: bytes.readInt32LE(4), fenced: bytes.readInt32LE(8) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { commits: 0, uncommitted: 0, fenced: 0 }
    throw error
  }
}
