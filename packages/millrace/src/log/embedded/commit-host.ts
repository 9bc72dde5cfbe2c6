import { watch } from 'node:fs'
import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import type { Clock } from '../../std/clock.ts'
import { CommitError } from '../log.ts'
import { Checkpoints } from './checkpoints.ts'
import { Cleaner } from './cleaner.ts'
import { CommitQueue } from './commit-queue.ts'
import { openWriter } from './database.ts'
import { LEASE_FILE } from './layout.ts'
import { LeaseFile } from './lease-file.ts'
import { LocalMembers } from './local-members.ts'
import { lockHolders, readers } from './lock-holder.ts'
import type { Machine } from './machine.ts'
import type { AnswerOf, FromThread, Operation, RequestOf, ThreadOptions, ToThread } from './protocol.ts'
import { toWire } from './wire-error.ts'
import { WriteStore } from './write-store.ts'

/** Another process's commits are seen at the latest after this; its members' leases are looked at as often. */
const POLL_MS = 1000
const BEATS_PER_SESSION = 6
/** Half of the session a member usually has; for waits of somebody who is no member. */
const WARN_AFTER_MS = 5000

/** The commit thread's work: one write connection, on behalf of every handle of the process. */
export class CommitHost {
  readonly #options: ThreadOptions
  readonly #clock: Clock
  readonly #leases: LeaseFile
  readonly #store: WriteStore
  readonly #queue: CommitQueue
  readonly #members: LocalMembers
  readonly #checkpoints: Checkpoints
  readonly #cleaner: Cleaner
  readonly #ports = new Set<MessagePort>()
  readonly #pulse: Int32Array
  readonly #machine: Machine
  readonly #expelling = new Set<string>()
  readonly #stopWatching: () => void
  #cancelBeat = () => {}
  #groupsEpoch = -1
  #closed = false

  constructor(options: ThreadOptions, machine: Machine, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.#machine = machine
    this.#pulse = new Int32Array(options.pulse)
    const { directory, lockTimeoutMs, walBytes } = options
    const db = openWriter(directory, options)
    this.#leases = new LeaseFile(directory, machine, 'write')
    this.#store = new WriteStore({ db, leases: this.#leases, machine, now: () => clock.now() })
    this.#members = new LocalMembers(this.#leases, machine)
    const onWarning = (warning: string) => this.#broadcast({ warning })
    this.#checkpoints = new Checkpoints({
      db,
      directory,
      clock,
      walBytes,
      onWarning,
      onBroken: error => this.#queue.break(error),
      describeReaders: () => this.#describe(readers(directory)),
    })
    this.#queue = new CommitQueue({
      store: this.#store,
      clock,
      lockTimeoutMs,
      onWarning,
      describeHolder: () => this.#describe(lockHolders(directory)),
      onCommitted: bytes => this.#committed(bytes),
    })
    this.#cleaner = new Cleaner({ store: this.#store, queue: this.#queue, clock, options, onWarning })
    this.#stopWatching = this.#watch()
    this.#beat()
  }

  /** Serves a handle until its port closes. */
  connect(port: MessagePort): void {
    this.#ports.add(port)
    const own = new Set<string>()
    port.on('message', (message: ToThread) => {
      if ('confirmed' in message) this.#store.groups.confirm(message.confirmed)
      else this.#serve(port, own, message.id, message.operation, message.request)
    })
    // A handle that is gone keeps its places in the groups until their sessions end, as a process that died.
    port.on('close', () => {
      this.#ports.delete(port)
      for (const memberId of own) this.#members.delete(memberId)
    })
  }

  #serve(port: MessagePort, own: Set<string>, id: number, operation: Operation, request: unknown): void {
    const done = (answer: unknown) => post(port, { id, answer })
    const failed = (error: unknown) => post(port, { id, failure: toWire(error, this.#options.directory) })
    if (operation === 'connect') {
      this.connect((request as RequestOf<'connect'>).port)
      done(undefined)
    } else if (operation === 'clean') {
      this.#cleaner.cleanAll((request as RequestOf<'clean'>).nowMs).then(done, failed)
    } else if (operation === 'shutdown') {
      this.#shutdown()
      done(undefined)
    } else {
      const apply = this.#changeOf(port, own, operation, request)
      const bytes = byteSize(request)
      this.#queue.add({
        apply,
        done,
        failed,
        bytes,
        warnAfterMs: this.#patience(request),
        isCommit: operation === 'commit',
      })
    }
  }

  #changeOf(port: MessagePort, own: Set<string>, operation: Operation, request: unknown): () => unknown {
    const store = this.#store
    switch (operation) {
      case 'append':
        return () => store.append((request as RequestOf<'append'>).batches)
      case 'commit':
        return () => this.#commit(request as RequestOf<'commit'>)
      case 'createTopics':
        return () => store.createTopics((request as RequestOf<'createTopics'>).specs)
      case 'alterTopics':
        return () => store.alterTopics((request as RequestOf<'alterTopics'>).changes)
      case 'deleteTopics':
        return () => store.deleteTopics((request as RequestOf<'deleteTopics'>).names)
      case 'trim':
        return () => store.trim((request as RequestOf<'trim'>).positions)
      case 'join':
        return () => this.#join(port, own, request as RequestOf<'join'>)
      case 'sync':
        return () => this.#sync(own, request as RequestOf<'sync'>)
      case 'leave': {
        const { group, memberId } = request as RequestOf<'leave'>
        return () => {
          store.groups.remove(group, [memberId])
          this.#members.delete(memberId)
          own.delete(memberId)
        }
      }
      case 'resetGroup': {
        const { group, positions } = request as RequestOf<'resetGroup'>
        return () => store.resetGroup(group, positions)
      }
      case 'deleteGroup':
        return () => store.deleteGroup((request as RequestOf<'deleteGroup'>).group)
      default:
        throw new Error(`Not a change of the log: ${operation}`)
    }
  }

  #commit(request: RequestOf<'commit'>): number[] {
    const { memberId, group } = request.identity
    if (this.#members.hasLapsed(memberId)) {
      throw new CommitError(
        'fenced',
        `Commit refused: this process did not run for longer than the session of ${memberId} in ${group}`,
      )
    }
    return this.#store.commit(request)
  }

  #join(port: MessagePort, own: Set<string>, request: RequestOf<'join'>): void {
    const { group, memberId, sessionMs } = request
    const { slot, renewedMs } = this.#store.groups.join(request)
    own.add(memberId)
    const notify = () => post(port, { changed: memberId })
    this.#members.add({ group, memberId, sessionMs, slot, notify }, renewedMs)
    this.#scheduleBeat()
  }

  #sync(own: Set<string>, request: RequestOf<'sync'>): AnswerOf<'sync'> {
    const answer = this.#store.groups.sync(request)
    if (answer.state === 'lost') {
      this.#members.delete(request.memberId)
      own.delete(request.memberId)
    }
    return answer
  }

  /** Half of the lease of whoever waits. */
  #patience(request: unknown): number {
    const identity = (request as Partial<RequestOf<'commit'>>).identity
    const member = identity === undefined ? undefined : this.#members.get(identity.memberId)
    return member === undefined ? WARN_AFTER_MS : member.sessionMs / 2
  }

  #committed(bytes: number): void {
    this.#wakeReaders()
    this.#leases.ring()
    this.#checkpoints.committed(bytes)
    this.#cleaner.committed(bytes)
    if (!this.#store.groups.changed) return
    this.#store.groups.changed = false
    this.#noticeGroups()
  }

  #wakeReaders(): void {
    Atomics.add(this.#pulse, 0, 1)
    Atomics.notify(this.#pulse, 0)
  }

  /** Events of the lease file tell of other processes' commits; the beat makes up for lost ones. */
  #watch(): () => void {
    try {
      const watcher = watch(join(this.#options.directory, LEASE_FILE), () => this.#noticeOthers())
      watcher.on('error', () => watcher.close())
      return () => watcher.close()
    } catch {
      // No more watchers are to be had, or none on this file system.
      return () => {}
    }
  }

  #noticeOthers(): void {
    if (this.#closed || !this.#store.sawForeignWrite()) return
    this.#wakeReaders()
    this.#noticeGroups()
  }

  #noticeGroups(): void {
    if (this.#members.size === 0) return
    const epoch = this.#store.groups.rows.epoch()
    if (epoch === this.#groupsEpoch) return
    this.#groupsEpoch = epoch
    for (const member of this.#members) member.notify()
  }

  #scheduleBeat(): void {
    const { sessionMsMin = POLL_MS * BEATS_PER_SESSION } = this.#members
    this.#cancelBeat()
    this.#cancelBeat = this.#clock.after(Math.min(POLL_MS, sessionMsMin / BEATS_PER_SESSION), () =>
      this.#beat(),
    )
  }

  /** Renews leases, and throws out who does not. */
  #beat(): void {
    if (this.#closed) return
    this.#scheduleBeat()
    this.#noticeOthers()
    for (const { group, memberId } of this.#members.renew()) {
      this.#regroup(memberId, () => this.#store.groups.remove(group, [memberId]))
    }
    for (const group of this.#members.groups) {
      const { rows } = this.#store.groups
      const suspects = this.#members.suspects(rows.members(group), rows.generation(group) ?? 0)
      if (suspects.length > 0) this.#regroup(group, () => this.#store.groups.expel(group, suspects))
    }
  }

  /** Changes a group, unless the same is already on its way. */
  #regroup(key: string, apply: () => void): void {
    if (this.#expelling.has(key)) return
    this.#expelling.add(key)
    const settled = () => {
      this.#expelling.delete(key)
    }
    this.#queue.add({
      apply,
      done: settled,
      failed: settled,
      bytes: 0,
      warnAfterMs: WARN_AFTER_MS,
      isCommit: false,
    })
  }

  /** Names processes, from the lock table or else by the members' leases, the stalest first. */
  #describe(pids: readonly number[] | undefined): string {
    if (pids !== undefined && pids.length > 0) {
      const many = pids.length > 1
      return `process${many ? 'es' : ''} ${pids.join(', ')} hold${many ? '' : 's'} it`
    }
    const { rows } = this.#store.groups
    const leases = rows
      .names()
      .flatMap(group => rows.members(group))
      .flatMap(member => this.#leases.read(member) ?? [])
      .filter(lease => lease.pid !== this.#machine.pid)
      .sort((a, b) => a.renewedMs - b.renewedMs)
    if (leases.length === 0) return 'by a process that is in no group'
    return `probably by process ${leases[0]!.pid}, whose lease is the oldest`
  }

  #broadcast(message: FromThread): void {
    for (const port of this.#ports) post(port, message)
  }

  #shutdown(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancelBeat()
    this.#stopWatching()
    this.#cleaner.stop()
    this.#checkpoints.stop()
    this.#store.db.close()
    this.#leases.close()
    setImmediate(() => {
      for (const port of this.#ports) port.close()
    })
  }
}

function post(port: MessagePort, message: FromThread): void {
  port.postMessage(message)
}

function byteSize(request: unknown): number {
  const { batches = [] } = request as Partial<RequestOf<'append'>>
  return batches.reduce((sum, batch) => sum + batch.bytes.length, 0)
}
