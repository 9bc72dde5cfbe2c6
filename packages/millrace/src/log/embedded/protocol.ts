/**
 * What handles and the commit thread say to each other. A handle sends numbered requests through its
 * `MessagePort` and gets one answer to each; events come unasked.
 */
import type { MessagePort } from 'node:worker_threads'
import type {
  FetchPosition,
  LogErrorCode,
  MemberIdentity,
  OutgoingBatch,
  PositionReset,
  PositionUpdate,
  TopicChange,
  TopicPartition,
  TopicSpec,
  TopicVersions,
} from '../log.ts'

export interface Requests {
  append: { request: { batches: readonly OutgoingBatch[] }; answer: number[] }
  commit: {
    request: {
      identity: MemberIdentity
      batches: readonly OutgoingBatch[]
      positions: readonly PositionUpdate[]
    }
    answer: number[]
  }
  createTopics: { request: { specs: readonly TopicSpec[] }; answer: undefined }
  alterTopics: { request: { changes: readonly TopicChange[] }; answer: undefined }
  deleteTopics: { request: { names: readonly string[] }; answer: undefined }
  trim: { request: { positions: readonly FetchPosition[] }; answer: undefined }
  clean: { request: { nowMs: number }; answer: undefined }
  join: { request: JoinRequest; answer: undefined }
  sync: { request: SyncRequest; answer: SyncAnswer }
  leave: { request: { group: string; memberId: string }; answer: undefined }
  resetGroup: { request: { group: string; positions: readonly PositionReset[] }; answer: undefined }
  deleteGroup: { request: { group: string }; answer: undefined }
  /** Another handle of the same process, in whatever thread, will talk through `port`. */
  connect: { request: { port: MessagePort }; answer: undefined }
  /** Ends the commit thread. */
  shutdown: { request: Record<never, never>; answer: undefined }
}

export type Operation = keyof Requests
export type RequestOf<O extends Operation> = Requests[O]['request']
export type AnswerOf<O extends Operation> = Requests[O]['answer']

export interface JoinRequest {
  readonly group: string
  readonly memberId: string
  readonly instanceId?: string
  readonly topicSets: readonly (readonly string[])[]
  readonly weight: number
  readonly userData?: Uint8Array
  readonly layouts?: TopicVersions
  readonly sessionMs: number
  readonly rebalanceMs: number
}

export interface SyncRequest {
  readonly group: string
  readonly memberId: string
  readonly instanceId?: string
  /** The generation of the group whose targets the member has followed. */
  readonly generation: number
}

/**
 * `current`: the member has acknowledged the group's generation and owns these partitions. `behind`: the
 * group has moved on meanwhile, look again. `lost`: it is out; `replaced` when another took its instance id.
 */
export type SyncAnswer =
  | { readonly state: 'current'; readonly generation: number; readonly owned: readonly TopicPartition[] }
  | { readonly state: 'behind' }
  | { readonly state: 'lost'; readonly replaced: boolean }

/** From a handle: a request, or the word that a member has taken over its new identity. */
export type ToThread =
  | { readonly id: number; readonly operation: Operation; readonly request: unknown }
  | { readonly confirmed: string }

/** To a handle. */
export type FromThread =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly failure: WireError }
  /** Something about this member's group changed. */
  | { readonly changed: string }
  | { readonly warning: string }

export type WireError =
  | {
      readonly kind: 'log'
      readonly code: LogErrorCode
      readonly message: string
      readonly retriable: boolean
    }
  | { readonly kind: 'commit'; readonly outcome: 'aborted' | 'fenced' | 'unknown'; readonly message: string }

/** What the commit thread is started with. */
export interface ThreadOptions {
  readonly directory: string
  readonly lockTimeoutMs: number
  readonly tombstoneMs: number
  readonly fileBytesMax: number
  readonly walBytes: number
  readonly cleanEveryMs: number
  /** One Int32 that counts changes of the log; waiting readers sleep on it. */
  readonly pulse: SharedArrayBuffer
}
