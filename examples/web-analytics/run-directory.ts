import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { lockRun } from './run-lock.ts'
import { readMarker, writeMarker } from './run-marker.ts'
import { inDirectory, type Where } from './where.ts'

/** One replay of one log, from its first line to its report, over any number of interruptions. */
export interface Run extends Disposable {
  readonly where: Where
  /** The same for people. */
  readonly place: string
  readonly isResumed: boolean
  /** The report was seen: the next start begins afresh. */
  finish(): Promise<void>
}

/**
 * Goes on with the unfinished run of this very log in `directory`, or deletes what is there and begins a new one. Nobody
 * else can until it is disposed of. Throws `UsageError` where another process replays in there.
 */
export async function openRun(directory: string, fingerprint: string, fresh: boolean): Promise<Run> {
  const path = join(directory, 'web-analytics.json')
  const data = join(directory, 'web-analytics')
  await mkdir(directory, { recursive: true })
  using locks = new DisposableStack()
  locks.use(lockRun(directory))
  const last = await readMarker(path)
  if (last === undefined && (await exists(data)))
    throw new Error(`${data} is in the way and was not made by this program. Use another --data`)
  const isResumed = last?.fingerprint === fingerprint && !last.isFinished && !fresh
  if (!isResumed) {
    // In this order, so that a crash in between never leaves half of an old run to go on with.
    await writeMarker(path, { fingerprint, isFinished: true })
    await rm(data, { recursive: true, force: true })
    await writeMarker(path, { fingerprint, isFinished: false })
  }
  const finish = () => writeMarker(path, { fingerprint, isFinished: true })
  const held = locks.move()
  return { where: inDirectory(data), place: data, isResumed, finish, [Symbol.dispose]: () => held.dispose() }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
