/** The few file operations that snapshots need. */
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface DiskReader {
  readonly size: number
  /** Fills `into` from position `at`; gives the bytes read, fewer only at the end of the file. */
  read(into: Uint8Array, at: number): Promise<number>
  close(): Promise<void>
}

export interface DiskWriter {
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when everything written is on the disk. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface Disk {
  /** Undefined when there is no such file. */
  openRead(path: string): Promise<DiskReader | undefined>
  /** Begins the file anew. */
  create(path: string): Promise<DiskWriter>
  /** Moves a file over another one and makes the move lasting. */
  replace(from: string, to: string): Promise<void>
  /** Removes a file if it is there. */
  remove(path: string): Promise<void>
}

export const nodeDisk: Disk = {
  async openRead(path) {
    const file = await open(path, 'r').catch(noneWhenMissing)
    if (file === undefined) return undefined
    const { size } = await file.stat()
    return {
      size,
      read: async (into, at) => {
        let filled = 0
        while (filled < into.length) {
          const { bytesRead } = await file.read(into, filled, into.length - filled, at + filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        return filled
      },
      close: () => file.close(),
    }
  },
  async create(path) {
    const file = await open(path, 'w')
    return {
      write: async bytes => {
        for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten
      },
      sync: () => file.sync(),
      close: () => file.close(),
    }
  },
  async replace(from, to) {
    await rename(from, to)
    const folder = await open(dirname(to), 'r')
    await folder.sync().finally(() => folder.close())
  },
  remove: path => rm(path, { force: true }),
}

function noneWhenMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}
