import { LogError, type MemberIdentity, type TopicPartition } from '../log/log.ts'
import type { RangeQuery, StoreQuery, WindowQuery } from './app.ts'
import type { HostedHealth, RunSettings } from './host.ts'
import type { LogPort } from './log-port.ts'

/** What a worker thread is started with. */
export interface ThreadStart {
  readonly index: number
  readonly settings: RunSettings
  /** Modules of the pipelines, in the order of the settings. */
  readonly urls: readonly string[]
  readonly log: LogPort
  /** Memory of its `ThreadProgress`. */
  readonly progress: SharedArrayBuffer
}

/** What is asked of a step's state. */
export type StoreRequest =
  | { readonly kind: 'get'; readonly key: unknown; readonly query?: StoreQuery }
  | { readonly kind: 'windows'; readonly key: unknown; readonly query?: WindowQuery }
  | { readonly kind: 'rows'; readonly query: RangeQuery }

/** From the control thread; requests with an `id` are answered by `done`. */
export type ToThread =
  | {
      readonly kind: 'assign'
      readonly pipeline: string
      readonly partitions: readonly TopicPartition[]
      readonly identity: MemberIdentity
    }
  | { readonly kind: 'copies'; readonly pipeline: string; readonly partitions: readonly TopicPartition[] }
  | { readonly kind: 'identity'; readonly pipeline: string; readonly identity: MemberIdentity }
  | { readonly kind: 'lost'; readonly pipeline: string }
  | {
      readonly kind: 'revoke'
      readonly id: number
      readonly pipeline: string
      readonly partitions: readonly TopicPartition[]
    }
  | {
      readonly kind: 'read'
      readonly id: number
      readonly step: string
      readonly request: StoreRequest
    }
  | { readonly kind: 'figures'; readonly id: number }
  | { readonly kind: 'stop'; readonly id: number }

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly id: number; readonly result?: unknown; readonly error?: ThreadError }
  | { readonly kind: 'state'; readonly pipelines: readonly ThreadPipeline[] }
  | { readonly kind: 'print'; readonly line: string }
  | { readonly kind: 'warn'; readonly message: string }
  | { readonly kind: 'failed'; readonly pipeline: string; readonly error: ThreadError }

export interface ThreadPipeline {
  readonly health: HostedHealth
  readonly isFinished: boolean
}

/** An error on its way between threads, which would lose its class. */
export interface ThreadError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  /** What is more in a `LogError`. */
  readonly log?: Pick<LogError, 'code' | 'retriable' | 'wayOut'>
}

export function toThreadError(error: unknown): ThreadError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message, stack } = error
  if (!(error instanceof LogError)) return { name, message, stack }
  const { code, retriable, wayOut } = error
  return { name, message, stack, log: { code, retriable, wayOut } }
}

export function fromThreadError({ name, message, stack, log }: ThreadError): Error {
  const error: Error = log === undefined ? new Error(message) : new LogError(log.code, message, log)
  if (log === undefined) Object.assign(error, { name })
  if (stack !== undefined) error.stack = stack
  return error
}
