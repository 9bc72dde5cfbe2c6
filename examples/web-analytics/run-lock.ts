import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { UsageError } from './flags.ts'

/** Keeps other processes out of `directory` until it is disposed of or this process ends, however it ends. Throws `UsageError` where another is in. */
export function lockRun(directory: string): Disposable {
  const holder = join(directory, 'web-analytics.pid')
  // The system lets go of a file lock when its process dies, which a file with a number in it would outlive.
  const lock = new DatabaseSync(join(directory, 'web-analytics.lock'), { timeout: 0 })
  try {
    lock.exec('BEGIN IMMEDIATE')
  } catch (error) {
    lock.close()
    if (!/locked/.test((error as Error).message)) throw error
    throw new UsageError(
      `Process ${numberIn(holder)} replays in ${directory} at this moment. Stop it, or replay beside it: npm start -- --data OTHER_DIRECTORY`,
    )
  }
  writeFileSync(holder, `${process.pid}\n`)
  return { [Symbol.dispose]: () => lock.close() }
}

/** It is written just after the lock was taken, so it may not be there yet. */
function numberIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return 'of an unknown number'
  }
}
