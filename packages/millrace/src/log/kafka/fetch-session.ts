import type { FetchAsk } from './fetch-lane.ts'
import type { FetchAnswer, FetchPart } from './fetch-response.ts'

/** Asks a broker for a new session, in a request that names everything. */
const NEW_SESSION = { id: 0, epoch: 0 }
const EPOCH_MAX = 0x7fffffff

/** What the broker knows of a partition that is asked for, and what it last said of it. */
interface Member extends FetchAsk {
  readonly limit: number
  said: Pick<FetchPart, 'highWatermark' | 'lastStableOffset' | 'logStartOffset'> | undefined
}

/** What a request has to say. */
export interface SessionRequest {
  readonly id: number
  readonly epoch: number
  /** New in the session, or changed. */
  readonly asks: readonly FetchAsk[]
  /** No longer asked for. */
  readonly forgotten: readonly { readonly topicId: string; readonly partitions: number[] }[]
}

/**
 * A fetch session with a broker over one connection (KIP-227): a request names only what is not as in the request before, and an
 * answer only what has changed. So waiting for a hundred idle partitions takes a few bytes.
 */
export class FetchSession {
  #id = NEW_SESSION.id
  #epoch = NEW_SESSION.epoch
  readonly #members = new Map<string, Member>()

  /** Forgets everything: the next request names all. */
  reset(): void {
    this.#id = NEW_SESSION.id
    this.#epoch = NEW_SESSION.epoch
    this.#members.clear()
  }

  /** What has to be sent so that the broker knows of exactly these partitions. An answer, or `reset`, must follow. */
  request(asks: readonly FetchAsk[], limit: number): SessionRequest {
    const wanted = new Set(asks.map(keyOf))
    const gone = [...this.#members].filter(([key]) => !wanted.has(key))
    for (const [key] of gone) this.#members.delete(key)
    const changed = asks.filter(ask => {
      const known = this.#members.get(keyOf(ask))
      if (known !== undefined && isSame(known, ask, limit)) return false
      this.#members.set(keyOf(ask), { ...ask, limit, said: known?.said })
      return true
    })
    const forgotten = [...Map.groupBy(gone, ([, { topicId }]) => topicId)].map(([topicId, members]) => ({
      topicId,
      partitions: members.map(([, { partition }]) => partition),
    }))
    return { id: this.#id, epoch: this.#epoch, asks: changed, forgotten }
  }

  /**
   * The answer, with what it leaves out because it is as it was. Undefined when it leaves out what the session does not know: it is
   * to be reset then, and asked anew.
   */
  complete(asks: readonly FetchAsk[], { sessionId, parts }: FetchAnswer): readonly FetchPart[] | undefined {
    const said = new Map(parts.map(part => [keyOf(part), part]))
    for (const [key, part] of said) {
      const member = this.#members.get(key)
      if (member !== undefined) member.said = part.errorCode === 0 ? part : undefined
    }
    const left = asks.filter(ask => !said.has(keyOf(ask)))
    if (this.#id !== NEW_SESSION.id && left.some(ask => this.#members.get(keyOf(ask))?.said === undefined))
      return undefined
    const whole = [...parts, ...left.flatMap(ask => this.#unchanged(ask))]
    // A broker without room for another session serves the request all the same.
    if (sessionId === NEW_SESSION.id) this.reset()
    else {
      this.#id = sessionId
      this.#epoch = this.#epoch === EPOCH_MAX ? 1 : this.#epoch + 1
    }
    return whole
  }

  #unchanged({ topicId, partition }: FetchAsk): FetchPart[] {
    const said = this.#members.get(`${topicId}/${partition}`)?.said
    if (said === undefined) return []
    const { highWatermark, lastStableOffset, logStartOffset } = said
    const place = { topicId, partition, errorCode: 0, highWatermark, lastStableOffset, logStartOffset }
    return [{ ...place, aborted: [], preferredReplica: -1, recordsStart: 0, recordsEnd: 0 }]
  }
}

function keyOf({ topicId, partition }: { readonly topicId: string; readonly partition: number }): string {
  return `${topicId}/${partition}`
}

function isSame(known: Member, { offset, leaderEpoch }: FetchAsk, limit: number): boolean {
  return known.offset === offset && known.leaderEpoch === leaderEpoch && known.limit === limit
}
