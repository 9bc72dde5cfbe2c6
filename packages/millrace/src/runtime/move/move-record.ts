import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const FILE = 'move.json'

/** Where the records of a partition begin in the target. */
export interface MovedTopic {
  /** Of the target's topic: one that was deleted and made again is another. */
  readonly id: string
  readonly bases: readonly number[]
}

/** What a move has begun, kept beside the data that it moves, so that it can go on after it was broken off. */
export interface MoveRecord {
  readonly to: string
  readonly topics: Readonly<Record<string, MovedTopic>>
  readonly isDone: boolean
}

export async function readMoveRecord(directory: string): Promise<MoveRecord | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, FILE), 'utf8')) as MoveRecord
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export async function writeMoveRecord(directory: string, record: MoveRecord): Promise<void> {
  const path = join(directory, FILE)
  await writeFile(`${path}.tmp`, `${JSON.stringify(record, null, 2)}\n`)
  await rename(`${path}.tmp`, path)
}
