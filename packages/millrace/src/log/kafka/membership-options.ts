import type { JoinOptions } from '../log.ts'
import type { Cluster } from './cluster.ts'

export interface MembershipOptions {
  readonly cluster: Cluster
  readonly join: JoinOptions
  readonly lane: string
  /** Under which its process's transactions run. */
  readonly transactionalIds: readonly string[]
  /** Whether a transactional id is of a process that has, or had, this one's name. */
  isOwnId(transactionalId: string): boolean
  readonly host: string
  readonly pid: number
  /** Ends what transactions of these ids are open. */
  fence(transactionalIds: readonly string[]): Promise<void>
}
