import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** What a process is called in a group, and where it keeps the snapshots of the tasks it has there. */
export interface Place {
  readonly instanceId: string
  readonly folder: string
}

export interface PlacesOptions {
  /** The data directory; made if need be. */
  readonly directory: string
  /** The cluster's own name: no two of them share a folder. */
  readonly cluster: string
  /** A name that was chosen; else one is kept in the directory. */
  readonly instance?: string
}

/** A directory is one of several processes' at most so many times. */
const slotsMax = 1024
const instanceName = /^[A-Za-z0-9._-]{1,200}$/

/** The places a process has taken in its data directory, one per group. They are its own until `release`, or its death. */
export class Places {
  readonly #options: PlacesOptions
  readonly #locks: DatabaseSync[] = []

  constructor(options: PlacesOptions) {
    this.#options = options
  }

  /** The place with the chosen name, or the lowest that no process has. Rejects where the directory cannot be used or the name is in use. */
  async take(group: string): Promise<Place> {
    const { directory, cluster, instance } = this.#options
    if (instance !== undefined && !instanceName.test(instance))
      throw new Error(
        `"${instance}" cannot be an instance id: use letters, digits, ".", "_" and "-", at most 200`,
      )
    const folder = join(directory, 'kafka', cluster, group)
    try {
      await mkdir(folder, { recursive: true })
      return instance === undefined ? await this.#lowest(folder) : await this.#named(folder, group, instance)
    } catch (error) {
      if (error instanceof PlaceTaken) throw error
      throw new Error(
        `${directory} cannot hold what a restart goes on from: ${(error as Error).message}. Set data (--data, MILLRACE_DATA) to a directory that can be written`,
        { cause: error },
      )
    }
  }

  async #named(folder: string, group: string, instance: string): Promise<Place> {
    const own = join(folder, `instance-${instance}`)
    if (await this.#lock(own)) return { instanceId: instance, folder: own }
    throw new PlaceTaken(
      `${await holderOf(own)} on this machine runs ${group} as instance "${instance}" already; every process needs an instance id of its own`,
    )
  }

  async #lowest(folder: string): Promise<Place> {
    const name = await directoryName(this.#options.directory)
    for (let slot = 0; slot < slotsMax; slot++) {
      const own = join(folder, `slot-${slot}`)
      if (await this.#lock(own)) return { instanceId: `${name}-${slot}`, folder: own }
    }
    throw new Error(`${slotsMax} processes have taken all its places`)
  }

  /** False when a live process has it. A lock of the system's ends with its process, however that ends. */
  async #lock(folder: string): Promise<boolean> {
    await mkdir(folder, { recursive: true })
    const lock = new DatabaseSync(join(folder, 'lock'), { timeout: 0 })
    try {
      lock.exec('BEGIN IMMEDIATE')
    } catch (error) {
      lock.close()
      if (/locked/.test((error as Error).message)) return false
      throw error
    }
    this.#locks.push(lock)
    await writeFile(join(folder, 'pid'), `${process.pid}\n`)
    return true
  }

  /** Gives all places back. */
  release(): void {
    for (const lock of this.#locks.splice(0)) lock.close()
  }
}

class PlaceTaken extends Error {}

/** The pid is written just after the lock was taken. */
async function holderOf(folder: string): Promise<string> {
  const pid = await readFile(join(folder, 'pid'), 'utf8').catch(() => '')
  return pid.trim() === '' ? 'Another process' : `Process ${pid.trim()}`
}

/** A name made once for the directory, so that instances in others are told from those in this one. */
async function directoryName(directory: string): Promise<string> {
  const path = join(directory, 'instance-id')
  const known = await readFile(path, 'utf8').catch(() => '')
  if (known !== '') return known.trim()
  const aside = join(directory, `instance-id.${process.pid}-${randomBytes(4).toString('hex')}.tmp`)
  await writeFile(aside, `${randomBytes(8).toString('hex')}\n`)
  try {
    // Of several processes that start at once the first one's counts.
    await link(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(aside, { force: true })
  }
  return (await readFile(path, 'utf8')).trim()
}
