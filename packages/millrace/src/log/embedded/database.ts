import { accessSync, constants, existsSync, linkSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LogError } from '../log.ts'
import { asLogError } from './errors.ts'
import { APPLICATION_ID, DATABASE_FILE, LAYOUT_VERSION, PAGE_BYTES, SCHEMA } from './layout.ts'

/** How long SQLite itself waits for a lock before it gives the thread back. */
const BUSY_TIMEOUT_MS = 20
/** A reader meets a lock only while another process recovers or opens the file. */
const READER_BUSY_TIMEOUT_MS = 5000
/** A file that is seen too short so many times in a row is too short. */
const LOOKS_MAX = 5
/** Kept by SQLite behind a checkpoint; a longer write-ahead log is cut back to it. */
const WAL_KEPT_BYTES = 64 * 1024 * 1024

/** Creates the directory if it is not there yet, and makes sure that it can be written to. Throws `LogError`. */
export function createDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true })
    accessSync(directory, constants.R_OK | constants.W_OK)
    const path = join(directory, DATABASE_FILE)
    if (existsSync(path)) accessSync(path, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw asLogError(error, directory)
  }
}

/** Creates the database if it is not there yet. Throws `LogError`. */
export function createDatabase(directory: string, uniqueId: string): void {
  const path = join(directory, DATABASE_FILE)
  try {
    if (existsSync(path)) return
    if (existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0) {
      throw new LogError(
        'corrupt',
        `${path} is gone, but its write-ahead log is still there: put the file back, or move everything away`,
      )
    }
    createAside(path, `${path}.${uniqueId}.new`)
  } catch (error) {
    throw asLogError(error, directory)
  }
}

/** Built under another name and linked in whole, so that two processes may create it at once and a crash leaves nothing half-made. */
function createAside(path: string, aside: string): void {
  try {
    const db = new DatabaseSync(aside)
    db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL`)
    db.exec(
      `BEGIN; ${SCHEMA} PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${LAYOUT_VERSION}; COMMIT`,
    )
    db.close()
    linkSync(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${aside}${suffix}`, { force: true })
  }
}

export interface WriterOptions {
  /** The database file never grows past this; -1 is unbounded. */
  readonly fileBytesMax: number
}

/** The connection that writes: every commit is flushed, checkpoints are left to the caller. */
export function openWriter(directory: string, options: WriterOptions): DatabaseSync {
  return open(directory, false, db => {
    db.exec(
      `PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`,
    )
    if (options.fileBytesMax >= 0) {
      db.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(options.fileBytesMax / PAGE_BYTES))}`)
    }
    if (pragma(db, 'synchronous') !== 2 || pragma(db, 'journal_mode') !== 'wal') {
      throw new LogError('layout', `${directory} is not in write-ahead mode with flushed commits`)
    }
    checkLengthOnDisk(db, join(directory, DATABASE_FILE))
    // Asked for now, so that a directory that cannot be written says so at once and not at the first commit.
    db.exec('BEGIN IMMEDIATE; ROLLBACK')
  })
}

/** A connection that only reads; readers never wait for writers. */
export function openReader(directory: string): DatabaseSync {
  return open(directory, true, () => {})
}

function open(directory: string, readOnly: boolean, prepare: (db: DatabaseSync) => void): DatabaseSync {
  const path = join(directory, DATABASE_FILE)
  let db: DatabaseSync | undefined
  try {
    // SQLite takes an empty file for a new database, which would lose everything without a word.
    if (statSync(path).size === 0) throw truncated(path)
    db = new DatabaseSync(path, {
      readOnly,
      timeout: READER_BUSY_TIMEOUT_MS,
      enableForeignKeyConstraints: false,
    })
    checkLayout(db, path)
    prepare(db)
    if (!readOnly) db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    return db
  } catch (error) {
    db?.close()
    throw asLogError(error, directory)
  }
}

function checkLayout(db: DatabaseSync, path: string): void {
  if (pragma(db, 'application_id') !== APPLICATION_ID) {
    throw new LogError(
      'layout',
      `${path} is not a Millrace log: choose another directory, or move that file away`,
    )
  }
  const version = pragma(db, 'user_version')
  if (version !== LAYOUT_VERSION) {
    throw new LogError(
      'layout',
      `${path} has layout ${version}, this version of Millrace reads layout ${LAYOUT_VERSION}: use the version that wrote it, or start a new directory`,
    )
  }
  if (pragma(db, 'page_size') !== PAGE_BYTES) throw new LogError('layout', `${path} has an unknown page size`)
  requireWhole(path, () => {
    const pages = pragma(db, 'page_count') as number
    const wal = existsSync(`${path}-wal`) ? statSync(`${path}-wal`).size : 0
    // Pages that only the write-ahead log holds are not missing.
    return statSync(path).size + wal >= pages * PAGE_BYTES
  })
}

/** Once all of the write-ahead log is in the file, no page may be missing there. */
function checkLengthOnDisk(db: DatabaseSync, path: string): void {
  const checkpoint = db.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  requireWhole(path, () => {
    // Counted first: what other processes commit behind the checkpoint is not in the file yet.
    const pages = pragma(db, 'page_count') as number
    const { busy, log, checkpointed } = checkpoint.get() as Record<'busy' | 'log' | 'checkpointed', number>
    return busy !== 0 || log !== checkpointed || statSync(path).size >= pages * PAGE_BYTES
  })
}

/** Looks more than once, for another process may make the file shorter between two looks at it. */
function requireWhole(path: string, isWhole: () => boolean): void {
  for (let looks = 0; looks < LOOKS_MAX; looks++) if (isWhole()) return
  throw truncated(path)
}

function truncated(path: string): LogError {
  return new LogError(
    'corrupt',
    `${path} is shorter than it should be (truncated or half copied): restore it from a copy, or start a new directory`,
  )
}

/** The value of a pragma. */
export function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0]
}
