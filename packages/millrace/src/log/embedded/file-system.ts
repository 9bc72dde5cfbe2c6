import { readFileSync, statfsSync } from 'node:fs'
import { isBroken } from '../../std/broken-rules.ts'
import { LogError } from '../log.ts'

/** How a directory's file system is called by the kernel: its magic number, and its name where the mount table says it. */
export interface FileSystemType {
  readonly magic: number
  readonly name?: string
}

/** File systems whose locks or shared memory do not reach every process that can open the file. */
const NETWORK_MAGIC = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x7461636f, 'OCFS2'],
  [0x786f4256, 'a VirtualBox shared folder'],
])

/** FUSE is one magic number for local and remote file systems alike; these names are remote. */
const REMOTE_FUSE =
  /^(fuse\.)?(sshfs|s3fs|rclone|glusterfs|davfs|gcsfuse|goofys|curlftpfs|cephfs|ceph-fuse|juicefs|smbnetfs|blobfuse2?)\b/

const skipCheck = isBroken('9.2')

/** Which network file system `type` is, or undefined when it is a local one. */
export function networkFileSystem(type: FileSystemType): string | undefined {
  const name = NETWORK_MAGIC.get(type.magic >>> 0)
  if (name !== undefined) return name
  const remote = type.name === undefined ? null : REMOTE_FUSE.exec(type.name)
  return remote === null ? undefined : remote[2]
}

/** Throws `LogError` `unavailable` when `directory` lies on a network file system. */
export function refuseNetworkFileSystem(directory: string, typeOf = fileSystemType): void {
  const name = networkFileSystem(typeOf(directory))
  if (name === undefined || skipCheck) return
  throw new LogError(
    'unavailable',
    `${directory} lies on a network file system (${name}), where processes cannot share the log's memory and locks: choose a directory on a local disk`,
  )
}

/** Asks the kernel; `directory` must exist. */
export function fileSystemType(directory: string): FileSystemType {
  const { type } = statfsSync(directory)
  return { magic: type, name: mountName(directory) }
}

/** The file system's name in the mount table of Linux: that of the longest mount point the directory lies under. */
function mountName(directory: string): string | undefined {
  let table: string
  try {
    table = readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return undefined
  }
  return nameInMountTable(table, directory)
}

export function nameInMountTable(table: string, directory: string): string | undefined {
  let longest = -1
  let name: string | undefined
  for (const line of table.split('\n')) {
    const [mount, source] = line.split(' - ')
    const point = mount?.split(' ')[4]?.replace(/\\040/g, ' ')
    if (point === undefined || source === undefined) continue
    const inside = directory === point || directory.startsWith(point.endsWith('/') ? point : `${point}/`)
    if (!inside || point.length < longest) continue
    longest = point.length
    name = source.split(' ')[0]
  }
  return name
}
