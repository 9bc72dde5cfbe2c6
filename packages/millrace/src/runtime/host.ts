import type { MemberIdentity, TopicPartition } from '../log/log.ts'
import type { PipelineHealth, StoreView } from './app.ts'
import type { Guarantee } from './guarantee.ts'
import type { ThreadFigures } from './metrics/figures.ts'

/** A pipeline where it runs: in this thread, or spread over worker threads. The membership talks to it. */
export interface HostedPipeline {
  readonly name: string
  readonly group: string
  readonly topicSets: readonly (readonly string[])[]
  /** Topics whose partitions have state. */
  readonly statefulTopics: readonly string[]
  /** Keeps copies of the state of these partitions, which others have, and of no further ones. */
  keepCopies(partitions: readonly TopicPartition[]): void
  assign(partitions: readonly TopicPartition[], identity: MemberIdentity): void
  /** Commits what the partitions' tasks have done, and closes them. */
  revoke(partitions: readonly TopicPartition[]): Promise<void>
  setIdentity(identity: MemberIdentity): void
  lost(): void
  readonly health: HostedHealth
  /** A bounded run is over. */
  readonly isFinished: boolean
  hasStep(step: string): boolean
  store(step: string): StoreView
}

/** What a host knows of a pipeline's health. */
export type HostedHealth = Omit<PipelineHealth, 'partitions'>

/** Runs pipelines somewhere. */
export interface Host {
  readonly pipelines: readonly HostedPipeline[]
  start(): Promise<void>
  /** What each thread that runs tasks has measured; of one that does not answer, what it said last. */
  figures(): Promise<ThreadFigures[]>
  /** Ends processing, or waits so long for it; what is done can still be committed by a revoke. */
  stop(timeoutMs: number): Promise<void>
  /** Gives up everything that is left. */
  close(): Promise<void>
}

/** What a host tells its app. */
export interface HostEvents {
  readonly print: (line: string) => void
  readonly warn: (message: string) => void
  readonly failed: (pipeline: string, error: Error) => void
  /** Something changed that `isFinished` may depend on. */
  readonly changed: () => void
}

/** How pipelines are run, wherever that is; can be sent to another thread. */
export interface RunSettings {
  readonly app: string
  readonly mode: 'compiled' | 'interpreted'
  readonly freeze: boolean
  readonly guarantee: Guarantee
  /** Instead of each pipeline's own. */
  readonly commitIntervalMs: number | undefined
  readonly pipelines: readonly PipelineSettings[]
}

export interface PipelineSettings {
  readonly name: string
  /** Partition counts of all its topics. */
  readonly counts: ReadonlyMap<string, number>
  /** Bytes of the largest record of each topic, where that is known. */
  readonly recordLimits: ReadonlyMap<string, number>
  readonly bounds: RunBounds | undefined
  /** The folder for snapshots of its state; undefined keeps none. */
  readonly snapshots: string | undefined
}

/** A bounded run; can be sent to another thread. */
export interface RunBounds {
  /** Later runs of the group have larger numbers. */
  readonly no: number
  /** Where each source partition ends, by `endKey`. */
  readonly ends: ReadonlyMap<string, number>
}

export function endKey({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}
