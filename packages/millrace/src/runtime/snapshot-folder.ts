import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from '../state/disk.ts'

/** Where all processes of a pipeline on the embedded log keep its snapshots. */
export function snapshotFolder(data: string, group: string): string {
  return join(data, 'state', group)
}

/** Makes the folder, and removes what processes that died in the middle of a snapshot left there. */
export async function prepareFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    const pid = /\.(\d+)-\d+\.tmp$/.exec(name)?.[1]
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(folder, name), { force: true })
  }
}

/**
 * A disk whose unfinished files carry their writer's name: a process that lost a task without knowing it may
 * still be writing the snapshot that the new owner begins.
 */
export function ownUnfinished(disk: Disk, writer: { readonly pid: number; readonly thread: number }): Disk {
  const own = (path: string) => path.replace(/\.tmp$/, `.${writer.pid}-${writer.thread}.tmp`)
  return {
    openRead: path => disk.openRead(path),
    create: path => disk.create(own(path)),
    replace: (from, to) => disk.replace(own(from), to),
    remove: path => disk.remove(own(path)),
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
