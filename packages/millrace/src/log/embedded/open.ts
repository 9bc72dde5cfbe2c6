import { resolve } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import { type Clock, systemClock } from '../../std/clock.ts'
import { LogError } from '../log.ts'
import { createDatabase, createDirectory } from './database.ts'
import { type CommitThread, EmbeddedLog, type EmbeddedLogPort } from './embedded-log.ts'
import { type FileSystemType, fileSystemType, refuseNetworkFileSystem } from './file-system.ts'
import { type Machine, systemMachine } from './machine.ts'
import type { ThreadOptions, WireError } from './protocol.ts'
import { Pulse } from './pulse.ts'
import { fromWire } from './wire-error.ts'

export interface EmbeddedLogOptions {
  /** Where the data are; created if need be. One log per directory, shared by any number of processes. */
  readonly directory: string
  /** For waits of fetches and the present that `clean` goes by; batches are stamped with the system's time as they are written. */
  readonly clock?: Clock
  /** How long a commit waits for the write lock before it gives up. Default 30 s. */
  readonly lockTimeoutMs?: number
  /** How long a tombstone outlives its append in a compacted topic. Default one day. */
  readonly tombstoneMs?: number
  /** The database file never grows past this (its write-ahead log comes on top); -1, the default, is unbounded. */
  readonly fileBytesMax?: number
  /** How long the write-ahead log grows before it is copied into the database. Default 32 MiB. */
  readonly walBytes?: number
  /** How often limits of age are applied and topics are compacted. Default 30 s. */
  readonly cleanEveryMs?: number
  /** Told who holds the lock that a commit waits for, and which reader keeps the write-ahead log growing. */
  onWarning?(message: string): void
}

/** What the log asks of its surroundings; replaced in tests. */
export interface Surroundings {
  readonly fileSystemOf: (directory: string) => FileSystemType
  startThread(options: ThreadOptions): Worker
  /** The one it is by default. */
  readonly machine?: Machine
}

/** Beside this file, as source or as built code. */
const THREAD_URL = new URL(
  import.meta.url.endsWith('.ts') ? './commit-thread.ts' : './commit-thread.js',
  import.meta.url,
)
export const systemSurroundings: Surroundings = {
  fileSystemOf: fileSystemType,
  // Flags of the main program (--input-type, --eval) are none of the thread's.
  startThread: options =>
    new Worker(THREAD_URL, { name: 'millrace-commit', workerData: options, execArgv: [] }),
}
const MIB = 1024 * 1024

/**
 * Opens the log of a directory, creating it if need be, and starts the process's commit thread for it. Throws
 * `LogError`: `layout` (another version, or no log of Millrace), `read-only`, `disk-full`, `corrupt`,
 * `unavailable` (a network file system).
 */
export function openEmbeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  return openIn(systemSurroundings, options)
}

/** `openEmbeddedLog` in surroundings of a test's choice. */
export async function openIn(surroundings: Surroundings, options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const directory = resolve(options.directory)
  const { machine = systemMachine() } = surroundings
  createDirectory(directory)
  refuseNetworkFileSystem(directory, surroundings.fileSystemOf)
  createDatabase(directory, machine.uniqueId())
  const { lockTimeoutMs = 30_000, tombstoneMs = 86_400_000, fileBytesMax = -1 } = options
  const { walBytes = 32 * MIB, cleanEveryMs = 30_000, clock = systemClock, onWarning = () => {} } = options
  const pulse = new Pulse().memory
  const thread = { directory, lockTimeoutMs, tombstoneMs, fileBytesMax, walBytes, cleanEveryMs, pulse }
  const { worker, port } = await connectThread(surroundings.startThread(thread))
  const commitThread: CommitThread = {
    onFailed: failed => worker.on('error', failed),
    end: async () => {
      await worker.terminate()
    },
  }
  try {
    return new EmbeddedLog({ directory, clock, machine, port, pulse, onWarning, thread: commitThread })
  } catch (error) {
    await worker.terminate()
    throw error
  }
}

async function connectThread(worker: Worker): Promise<{ worker: Worker; port: EmbeddedLogPort['port'] }> {
  const { port1, port2 } = new MessageChannel()
  worker.postMessage({ port: port2 }, [port2])
  await new Promise<void>((ready, refused) => {
    worker.once('error', refused)
    worker.once('exit', code =>
      refused(new LogError('unavailable', `The commit thread ended with code ${code}`)),
    )
    worker.once('message', (message: { failure?: WireError }) => {
      if (message.failure === undefined) ready()
      else refused(fromWire(message.failure))
    })
  }).catch(async error => {
    await worker.terminate()
    throw error
  })
  worker.removeAllListeners()
  worker.unref()
  return { worker, port: port1 }
}

export interface ConnectOptions extends EmbeddedLogPort {
  readonly clock?: Clock
  onWarning?(message: string): void
}

/** Opens a further handle in another thread of the process, on what `EmbeddedLog.port` gave. Writes go through the same commit thread. */
export function connectEmbeddedLog(options: ConnectOptions): EmbeddedLog {
  const { directory, port, pulse, clock = systemClock, onWarning = () => {} } = options
  return new EmbeddedLog({
    directory: resolve(directory),
    clock,
    machine: systemMachine(),
    port,
    pulse,
    onWarning,
  })
}
