import { accessRight } from '../../std/access-right.ts'
import type { JoinOptions } from '../log.ts'
import type { AnswerOf, ApiName, ArgsOf } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { CODE, errorRule, isRetriable, KafkaError } from './errors.ts'
import { PROTOCOL_NAME, PROTOCOL_TYPE } from './group-protocol.ts'

const GRACE_MS = 5000
const PAUSE_MS = 100
/** Two live processes with one name take it from one another about every second, for as long as both live. */
const RIVAL_TIMES = 5
const RIVAL_WITHIN_MS = 60_000

/** The group does not know the member (any more): whatever it had is lost. */
export class LostMembershipError extends Error {
  override readonly name: string = 'LostMembershipError'
}

/** Another process has joined under this one's instance id: it is over for good. */
export class FencedInstanceError extends LostMembershipError {
  override readonly name = 'FencedInstanceError'
}

/** The requests of one member to its coordinator, and when that was last heard. */
export class GroupRequests {
  readonly #cluster: Cluster
  readonly #join: JoinOptions
  readonly #lane: string
  readonly #onAccepted: () => void
  /** Empty until the coordinator has given one. */
  memberId = ''
  isJoining = false
  /** When another member took the place, the last times. */
  #fencedMs: number[] = []
  #heardMs: number

  constructor(cluster: Cluster, join: JoinOptions, lane: string, onAccepted: () => void) {
    this.#cluster = cluster
    this.#join = join
    this.#lane = lane
    this.#onAccepted = onAccepted
    this.#heardMs = cluster.clock.monotonic()
  }

  /** Time since the last request that the coordinator answered was sent. */
  get silentMs(): number {
    return this.#cluster.clock.monotonic() - this.#heardMs
  }

  forget(): void {
    this.memberId = ''
  }

  /** Joins, or joins again; waits for the other members. Throws what no repetition changes, and `LostMembershipError`. */
  async join(metadata: Buffer, isWanted: () => boolean): Promise<AnswerOf<'joinGroup'>> {
    const { group, instanceId = null, sessionTimeoutMs, rebalanceTimeoutMs } = this.#join
    const protocols = [{ name: PROTOCOL_NAME, metadata }]
    this.isJoining = true
    try {
      while (isWanted()) {
        const answer = await this.#ask('joinGroup', rebalanceTimeoutMs + sessionTimeoutMs + GRACE_MS, [
          group,
          sessionTimeoutMs,
          rebalanceTimeoutMs,
          this.memberId,
          instanceId,
          PROTOCOL_TYPE,
          protocols,
          null,
        ])
        if (answer === undefined) continue
        if (answer.errorCode === 0 || answer.errorCode === CODE.memberIdRequired) {
          this.memberId = answer.memberId!
          this.#onAccepted()
        }
        if (answer.errorCode === 0) return answer
        if (answer.errorCode === CODE.memberIdRequired) continue
        if (answer.errorCode === CODE.unknownMember && this.memberId === '') continue
        this.#refuse(answer.errorCode, 'let a member join')
        await this.#cluster.pause(PAUSE_MS)
      }
    } finally {
      this.isJoining = false
    }
    throw new LostMembershipError('it was lost while it joined')
  }

  /** The encoded assignment, or undefined when the group has begun the next rebalance. */
  async sync(
    generation: number,
    assignments: { memberId: string; assignment: Buffer }[],
  ): Promise<Buffer | undefined> {
    const { group, instanceId = null, rebalanceTimeoutMs } = this.#join
    this.isJoining = true
    try {
      for (;;) {
        const answer = await this.#ask('syncGroup', rebalanceTimeoutMs + GRACE_MS, [
          group,
          generation,
          this.memberId,
          instanceId,
          PROTOCOL_TYPE,
          PROTOCOL_NAME,
          assignments,
        ])
        // Whether the leader's division arrived is not known: joining again is safe either way.
        if (answer === undefined || answer.errorCode === CODE.rebalanceInProgress) return undefined
        if (answer.errorCode === 0) return answer.assignment
        this.#refuse(answer.errorCode, 'give an assignment')
        return undefined
      }
    } finally {
      this.isJoining = false
    }
  }

  /** True when the group is rebalancing, so that this member has to join again. */
  async heartbeat(generation: number): Promise<boolean> {
    const { group, instanceId = null, sessionTimeoutMs } = this.#join
    const memberId = this.memberId
    const answer = await this.#ask('heartbeat', sessionTimeoutMs, [group, generation, memberId, instanceId])
    if (answer === undefined || answer.errorCode === 0) return false
    if (answer.errorCode === CODE.rebalanceInProgress) return true
    // An answer to what the member was before it joined again says nothing of what it is.
    if (this.isJoining || memberId !== this.memberId) return false
    this.#refuse(answer.errorCode, 'take a heartbeat')
    return false
  }

  /** Best effort: without it the session runs out. */
  async leave(): Promise<void> {
    const { group, instanceId = null, sessionTimeoutMs } = this.#join
    const member = { memberId: this.memberId, groupInstanceId: instanceId, reason: null }
    if (this.memberId !== '') await this.#ask('leaveGroup', sessionTimeoutMs, [group, [member]])
  }

  /**
   * A join that comes late, of this process or of the dead one before it, takes the place once; who joins again has it back. Each cut
   * connection may leave one behind. Another process that lives does the same, but again and again.
   */
  #hasRival(): boolean {
    const nowMs = this.#cluster.clock.monotonic()
    const withinMs = Math.max(RIVAL_WITHIN_MS, 3 * RIVAL_TIMES * this.#join.sessionTimeoutMs)
    this.#fencedMs = [...this.#fencedMs.filter(ms => nowMs - ms < withinMs), nowMs]
    return this.#fencedMs.length >= RIVAL_TIMES
  }

  /** Throws unless the error is one that passes. */
  #refuse(code: number, doing: string): void {
    const { group, instanceId } = this.#join
    const right = accessRight('Read', 'Group', group)
    const error = new KafkaError(code, `${doing} (group ${group})`, null, right)
    if (code === CODE.fencedInstance && !this.#hasRival())
      throw new LostMembershipError(`Another member of group ${group} has taken the place of "${instanceId}"`)
    if (code === CODE.fencedInstance)
      throw new FencedInstanceError(
        `Another process has joined group ${group} as instance "${instanceId}" and taken this one's place; every process needs an instance id of its own`,
      )
    if (errorRule(code).action === 'fenced')
      throw new LostMembershipError(`Group ${group} does not know the member any more: ${error.rule.name}`)
    if (!isRetriable(error) && code !== CODE.rebalanceInProgress) throw error
    this.#cluster.learnFrom(error)
  }

  /** Sends one request to the coordinator; undefined, after a pause, when it could not be asked. */
  async #ask<Name extends ApiName>(
    name: Name,
    timeoutMs: number,
    args: ArgsOf<Name>,
  ): Promise<AnswerOf<Name> | undefined> {
    const sentMs = this.#cluster.clock.monotonic()
    try {
      const node = await this.#cluster.coordinator('group', this.#join.group)
      const answer = await this.#cluster.request(node, this.#lane, name, args, timeoutMs)
      // A wait for other members counts as heard at its end: until then the coordinator keeps the place.
      this.#heardMs = this.isJoining ? this.#cluster.clock.monotonic() : sentMs
      return answer
    } catch (error) {
      this.#cluster.links.throwIfClosed()
      if (!isRetriable(error)) throw error
      this.#cluster.learnFrom(error)
      await this.#cluster.pause(PAUSE_MS)
      return undefined
    }
  }
}
