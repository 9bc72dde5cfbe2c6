import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { LEASE_FILE } from './layout.ts'
import { hash, type Machine } from './machine.ts'

/** A member as far as its lease goes. */
export interface LeaseHolder {
  readonly slot: number
  readonly memberId: string
  readonly sessionMs: number
}

/** What a slot says about the process that renews it. */
export interface Lease {
  readonly pid: number
  readonly renewedMs: number
  readonly expired: boolean
}

/** How many members can come and go before a slot is used again; far more than a frozen one can outlast. */
export const SLOTS = 4096
const SLOT_BYTES = 64
const LEASE_BYTES = 28
/** A slot that is being written while it is read fails its check, so it is read once more. */
const READS_MAX = 3
const BELL = Buffer.alloc(1)

/**
 * When each member was last alive: a file of fixed slots, each written by its owner alone.
 *
 * No lock is ever taken on it, so a process frozen at any instruction keeps nobody from renewing. It is
 * never flushed: after a power cut every lease is void anyway. Behind the slots lies one byte that is written
 * after each commit for those who watch the file: the write-ahead log's own events come before the commit
 * can be seen.
 *
 * ```
 * 0 member hash   4 boot   8 pid space   12 pid   16 renewed (float64, monotonic ms)   24 check
 * ```
 */
export class LeaseFile {
  readonly #fd: number
  readonly #machine: Machine
  readonly #slot = Buffer.alloc(LEASE_BYTES)

  constructor(directory: string, machine: Machine, access: 'read' | 'write') {
    const flags = access === 'write' ? constants.O_RDWR | constants.O_CREAT : constants.O_RDONLY
    this.#fd = openSync(join(directory, LEASE_FILE), flags, 0o644)
    this.#machine = machine
  }

  /** Says that the member is alive now; gives the time that others read. */
  renew(slot: number, memberId: string): number {
    const b = this.#slot
    const renewedMs = this.#machine.monotonicMs()
    b.writeUInt32LE(hash(memberId), 0)
    b.writeUInt32LE(this.#machine.boot, 4)
    b.writeUInt32LE(this.#machine.pidSpace, 8)
    b.writeUInt32LE(this.#machine.pid, 12)
    b.writeDoubleLE(renewedMs, 16)
    b.writeUInt32LE(check(b), 24)
    writeSync(this.#fd, b, 0, LEASE_BYTES, slot * SLOT_BYTES)
    return renewedMs
  }

  /** The member's lease, or undefined when its slot holds none of its own. */
  read(holder: LeaseHolder): Lease | undefined {
    const b = this.#slot
    for (let reads = 0; ; reads++) {
      if (reads === READS_MAX) return undefined
      if (readSync(this.#fd, b, 0, LEASE_BYTES, holder.slot * SLOT_BYTES) < LEASE_BYTES) return undefined
      if (b.readUInt32LE(24) === check(b)) break
    }
    if (b.readUInt32LE(0) !== hash(holder.memberId)) return undefined
    const pid = b.readUInt32LE(12)
    const renewedMs = b.readDoubleLE(16)
    const sinceMs = this.#machine.monotonicMs() - renewedMs
    const otherBoot = b.readUInt32LE(4) !== this.#machine.boot || sinceMs < 0
    const gone = b.readUInt32LE(8) === this.#machine.pidSpace && !this.#machine.isAlive(pid)
    return { pid, renewedMs, expired: otherBoot || gone || sinceMs > holder.sessionMs }
  }

  /** True when nobody renews the lease any more: too old, from before the machine's last start, or of a dead process. */
  isExpired(holder: LeaseHolder): boolean {
    return this.read(holder)?.expired ?? true
  }

  /** Touches the file, which tells the processes that watch it of a commit. */
  ring(): void {
    writeSync(this.#fd, BELL, 0, 1, SLOTS * SLOT_BYTES)
  }

  close(): void {
    closeSync(this.#fd)
  }
}

function check(lease: Buffer): number {
  let sum = 0x6c656173
  for (let at = 0; at < 24; at += 4) sum = Math.imul(sum ^ lease.readUInt32LE(at), 0x01000193)
  return sum >>> 0
}
