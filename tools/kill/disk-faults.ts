import { readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Random } from './random.ts'

const chance = 0.6
/** What a process says when it finds a copy damaged and goes on without it. */
const noticed = /the changelog is read instead|the snapshot is not used/

/** What happens to the copies of state that a dead process leaves on the disk, before the next one takes its place. */
export class DiskFaults {
  readonly struck = new Map<string, number>([
    ['copies of state deleted', 0],
    ['copies of state truncated', 0],
  ])
  /** How often a process said that a copy was damaged. */
  noticed = 0
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Sometimes; says what was done, where anything was. */
  strike(pid: number, random: Random): string | undefined {
    const files = this.#copiesOf(pid).filter(() => random() < 0.7)
    if (files.length === 0 || random() >= chance) return undefined
    // Whatever the seed, both happen.
    const [what] = [...this.struck].sort(([, a], [, b]) => a - b)[0]!
    for (const file of files) {
      if (what.endsWith('deleted')) rmSync(file, { force: true })
      else truncateSync(file, Math.floor(random() * statSync(file).size))
    }
    this.struck.set(what, this.struck.get(what)! + 1)
    return `${files.length} ${what}`
  }

  /** Whether a worker's message is about what was done here. */
  isAbout(message: string): boolean {
    const isSo = noticed.test(message) && [...this.struck.values()].some(times => times > 0)
    if (isSo) this.noticed++
    return isSo
  }

  /** In the places that the process had; processes over an embedded log share one folder. */
  #copiesOf(pid: number): string[] {
    const files = ['kafka', 'state'].flatMap(folder => filesIn(join(this.#directory, folder)))
    const isItsOwn = (file: string) =>
      !basename(dirname(file)).startsWith('slot-') || pidIn(dirname(file)) === pid
    return files.filter(file => file.endsWith('.snapshot')).filter(isItsOwn)
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map(name => join(folder, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function pidIn(slot: string): number {
  return Number(readFileSync(join(slot, 'pid'), 'utf8'))
}
