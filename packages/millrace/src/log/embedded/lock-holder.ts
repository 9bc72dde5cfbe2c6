import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DATABASE_FILE } from './layout.ts'

/** Where SQLite locks the wal-index: byte 120 is the writer's, 123 to 127 are the readers'. */
const WRITE_LOCK_BYTE = 120
const READ_LOCK_BYTES = [123, 127] as const

/** Processes that hold the write lock of the log, from Linux's lock table; undefined where there is none. */
export function lockHolders(directory: string): number[] | undefined {
  return holders(
    directory,
    (start, end, isWrite) => isWrite && start <= WRITE_LOCK_BYTE && end >= WRITE_LOCK_BYTE,
  )
}

/** Processes in the middle of a read, likewise. */
export function readers(directory: string): number[] | undefined {
  return holders(directory, (start, end) => start <= READ_LOCK_BYTES[1] && end >= READ_LOCK_BYTES[0])
}

function holders(
  directory: string,
  matches: (start: number, end: number, isWrite: boolean) => boolean,
): number[] | undefined {
  try {
    const { ino } = statSync(join(directory, `${DATABASE_FILE}-shm`))
    return pidsInLockTable(readFileSync('/proc/locks', 'utf8'), ino, matches)
  } catch {
    return undefined
  }
}

/** Lines look like `3: POSIX  ADVISORY  WRITE 4711 fe:00:131093 120 120`; one that waits has `->` behind the number. */
export function pidsInLockTable(
  table: string,
  inode: number,
  matches: (start: number, end: number, isWrite: boolean) => boolean,
): number[] {
  const pids = new Set<number>()
  for (const line of table.split('\n')) {
    const [, kind, , mode, pid, file, start, end] = line.trim().split(/\s+/)
    if ((kind !== 'POSIX' && kind !== 'OFDLCK') || !file?.endsWith(`:${inode}`)) continue
    if (matches(Number(start), end === 'EOF' ? Number.POSITIVE_INFINITY : Number(end), mode === 'WRITE')) {
      pids.add(Number(pid))
    }
  }
  return [...pids]
}
