import type { MessagePort } from 'node:worker_threads'
import { CommitError, LogError, type MemberIdentity, type TopicPartition } from '../log.ts'
import type { LocalOwnership, Ownership } from './ownership.ts'
import type { KafkaProperties } from './settings.ts'

/** What a log in a worker thread is opened with; can be sent to the thread (the port in the transfer list). */
export interface KafkaLogPort {
  readonly kind: 'kafka'
  readonly port: MessagePort
  /** Its number in the process. */
  readonly worker: number
  /** The process's part of transactional ids, where it has no instance id. */
  readonly handleId: string
  readonly properties: Readonly<Record<string, string | number | boolean>>
  /** Settings that are functions: these are called in the thread they come from. */
  readonly functions: readonly string[]
  readonly isFlow1: boolean
}

type ToControl =
  | {
      readonly kind: 'enter'
      readonly id: number
      readonly identity: MemberIdentity
      readonly partitions: readonly TopicPartition[]
    }
  | { readonly kind: 'leave'; readonly id: number; readonly fenced?: string }
  | { readonly kind: 'call'; readonly id: number; readonly name: string }

type ToWorker =
  | { readonly kind: 'entered'; readonly id: number; readonly identity: MemberIdentity }
  | { readonly kind: 'fenced'; readonly id: number; readonly message: string }
  | { readonly kind: 'returned'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'threw'; readonly id: number; readonly message: string }

/** Splits settings into what can be sent to another thread, and the names of what cannot. */
export function sendable(properties: KafkaProperties): Pick<KafkaLogPort, 'properties' | 'functions'> {
  const entries = Object.entries(properties)
  const plain = entries.filter(
    (entry): entry is [string, string | number | boolean] => typeof entry[1] !== 'function',
  )
  const functions = entries.filter(([, value]) => typeof value === 'function').map(([name]) => name)
  return { properties: Object.fromEntries(plain), functions }
}

/** The control thread's end: holds the commit gate open for a worker's commits, and calls functions for it. */
export function serveWorker(port: MessagePort, owners: LocalOwnership, properties: KafkaProperties): void {
  /** Commits under way in the worker; each is ended by calling it, with what it was refused for as a stranger's. */
  const inside = new Map<number, (fenced?: string) => void>()
  let isGone = false
  const tell = (message: ToWorker) => port.postMessage(message)
  const enter = async ({ id, identity, partitions }: Extract<ToControl, { kind: 'enter' }>) => {
    const hold = (current: MemberIdentity) => {
      if (isGone) return Promise.resolve()
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      inside.set(id, fenced => (fenced === undefined ? resolve() : reject(new CommitError('fenced', fenced))))
      tell({ kind: 'entered', id, identity: current })
      return promise
    }
    try {
      const ours = owners.find(identity)
      if (ours === undefined) await hold(identity)
      else await ours.whileOwner(identity, partitions, hold, 'from another thread')
    } catch (error) {
      tell({ kind: 'fenced', id, message: (error as Error).message })
    }
  }
  const call = async ({ id, name }: Extract<ToControl, { kind: 'call' }>) => {
    try {
      const value: unknown = await (properties[name] as () => unknown)()
      tell({ kind: 'returned', id, value })
    } catch (error) {
      tell({ kind: 'threw', id, message: error instanceof Error ? error.message : String(error) })
    }
  }
  port.on('message', (message: ToControl) => {
    if (message.kind === 'enter') void enter(message)
    else if (message.kind === 'call') void call(message)
    else {
      inside.get(message.id)?.(message.fenced)
      inside.delete(message.id)
    }
  })
  // A thread that has ended has no commit under way any more: what it sent is in the log, or is refused for its epoch.
  port.on('close', () => {
    isGone = true
    for (const leave of inside.values()) leave()
    inside.clear()
  })
  port.unref()
}

/** The worker's end: asks the control thread, which has the memberships. */
export class RemoteOwnership implements Ownership {
  readonly #port: MessagePort
  readonly #waiting = new Map<number, { resolve(answer: ToWorker): void; reject(error: Error): void }>()
  #nextId = 0
  #isClosed = false

  constructor(port: MessagePort) {
    this.#port = port
    port.on('message', (message: ToWorker) => {
      this.#waiting.get(message.id)?.resolve(message)
      this.#waiting.delete(message.id)
    })
    port.on('close', () => this.close())
    port.unref()
  }

  async whileOwner<T>(
    identity: MemberIdentity,
    partitions: readonly TopicPartition[],
    work: (current: MemberIdentity) => Promise<T>,
  ): Promise<T> {
    const id = this.#nextId++
    const places = partitions.map(({ topic, partition }) => ({ topic, partition }))
    const answer = await this.#ask({ kind: 'enter', id, identity, partitions: places })
    if (answer.kind !== 'entered')
      throw new CommitError('fenced', 'message' in answer ? answer.message : answer.kind)
    let fenced: string | undefined
    try {
      return await work(answer.identity)
    } catch (error) {
      if (error instanceof CommitError && error.outcome === 'fenced') fenced = error.message
      throw error
    } finally {
      const left: ToControl = { kind: 'leave', id, ...(fenced !== undefined && { fenced }) }
      if (!this.#isClosed) this.#port.postMessage(left)
    }
  }

  /** Calls a function among the settings, where it lives. */
  async call(name: string): Promise<unknown> {
    const answer = await this.#ask({ kind: 'call', id: this.#nextId++, name })
    if (answer.kind === 'returned') return answer.value
    throw new Error('message' in answer ? answer.message : answer.kind)
  }

  #ask(message: ToControl): Promise<ToWorker> {
    if (this.#isClosed) return Promise.reject(closedError())
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, { resolve, reject })
      this.#port.postMessage(message)
    })
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#port.close()
    for (const { reject } of this.#waiting.values()) reject(closedError())
    this.#waiting.clear()
  }
}

function closedError(): LogError {
  return new LogError('closed', 'The log is closed')
}
