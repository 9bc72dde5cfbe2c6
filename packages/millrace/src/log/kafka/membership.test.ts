import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { VirtualClock } from '../../std/clock.ts'
import { CommitError, type MemberIdentity, type TopicPartition } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { decodeAssignment, encodeAssignment } from './group-protocol.ts'
import { KafkaMembership } from './membership.ts'
import { LocalOwnership } from './ownership.ts'
import { RemoteOwnership, serveWorker } from './worker-port.ts'

const sessionTimeoutMs = 2_000
const places: TopicPartition[] = [0, 1].map(partition => ({ topic: 't', partition }))

/** A member that is alone in its group, and the coordinator it asks. */
class Alone {
  readonly clock = new VirtualClock(1_700_000_000_000)
  /** What the engine was told. */
  readonly told: string[] = []
  /** As the engine keeps it: taken from what it was told, and given up when a commit is refused. */
  identity: MemberIdentity | undefined
  /** How long the next heartbeats take. */
  readonly beatMs: number[] = []
  /** Whose assignments it gets next, of generations that another has to follow. */
  readonly inherited: string[] = []
  readonly membership: KafkaMembership
  #members = 0
  #generation = 0

  get generation(): number {
    return this.#generation
  }

  constructor() {
    this.membership = new KafkaMembership({
      cluster: this.#cluster() as unknown as Cluster,
      lane: 'group',
      transactionalIds: [],
      isOwnId: () => false,
      host: 'h',
      pid: 1,
      fence: async () => {},
      join: {
        group: 'g',
        topicSets: [['t']],
        sessionTimeoutMs,
        rebalanceTimeoutMs: 30_000,
        onAssigned: (partitions, identity) => this.#hear(`assigned ${partitions.length}`, identity),
        onIdentity: identity => this.#hear('identity', identity),
        onRevoked: async () => {},
        onLost: reason => this.#hear(`lost: ${reason.message}`, undefined),
      },
    })
  }

  #hear(what: string, identity: MemberIdentity | undefined): void {
    this.told.push(what)
    this.identity = identity
  }

  #cluster() {
    const answers: Record<string, (args: unknown[]) => object | Promise<object>> = {
      joinGroup: ([, , , memberId, , , protocols]) => {
        const id = (memberId as string) || `m${++this.#members}`
        const [{ metadata }] = protocols as [{ metadata: Buffer }]
        const members = [{ memberId: id, metadata }]
        return { errorCode: 0, memberId: id, leader: id, generationId: ++this.#generation, members }
      },
      syncGroup: args => {
        const [{ assignment }] = args[6] as [{ assignment: Buffer }]
        const interimOf = this.inherited.shift()
        const inherited = interimOf && encodeAssignment({ ...decodeAssignment(assignment), interimOf })
        return { errorCode: 0, assignment: inherited ?? assignment }
      },
      heartbeat: () => this.#pause(this.beatMs.shift() ?? 0).then(() => ({ errorCode: 0 })),
      leaveGroup: () => ({ errorCode: 0 }),
    }
    return {
      clock: this.clock,
      settings: { metadataMaxAgeMs: 60_000 },
      links: { throwIfClosed: () => {} },
      coordinator: async () => 1,
      request: async (_node: number, _lane: string, name: string, args: unknown[]) => answers[name]!(args),
      learnFrom: () => {},
      pause: (ms: number) => this.#pause(ms),
      retry: <T>(attempt: () => Promise<T>) => attempt(),
      refresh: async () => [{ name: 't', partitions: places }],
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => this.clock.after(ms, resolve))
  }

  /** Commits as the engine does: who is refused gives the identity up and waits for news. */
  async commit(work: () => Promise<void>, owner: Pick<KafkaMembership, 'whileOwner'> = this.membership) {
    const cut = this.identity!
    try {
      await owner.whileOwner(cut, places, work)
      return 'committed'
    } catch (error) {
      if (this.identity === cut) this.identity = undefined
      return (error as CommitError).outcome
    }
  }

  async passes(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      await turns()
      this.clock.advance(100)
    }
    await turns()
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(resolve => setImmediate(resolve))
}

const commits = async () => {}
const isRefused = async () => {
  throw new CommitError('fenced', 'the group does not know it')
}

describe('a member of a group on Kafka', () => {
  it('[2.2] whose commit is refused for its silence is told of the loss, and joins again, even if a late answer follows', async () => {
    const alone = new Alone()
    await alone.membership.start()
    await turns()
    assert.equal(await alone.commit(commits), 'committed')
    // Sent at 0.5 s and at 1.5 s; at 2.6 s the first of them is older than a session, at its answer the second is not.
    alone.beatMs.push(500, 1_200)
    await alone.passes(2_600)
    assert.equal(await alone.commit(commits), 'fenced')
    await alone.passes(2 * sessionTimeoutMs)
    assert.deepEqual(alone.told, ['assigned 2', 'lost: its session has run out', 'assigned 2'])
    assert.equal(await alone.commit(commits), 'committed')
  })

  it('[2.2] whose commit the broker takes for a stranger’s is told of the loss, and joins again', async () => {
    const alone = new Alone()
    await alone.membership.start()
    await turns()
    assert.equal(await alone.commit(isRefused), 'fenced')
    await alone.passes(2 * sessionTimeoutMs)
    assert.deepEqual(alone.told, ['assigned 2', 'lost: the group does not know it', 'assigned 2'])
    assert.equal(await alone.commit(commits), 'committed')
  })

  it('[1.3] that has the place of one who died before it gave partitions up makes the generation that gives them on', async () => {
    const alone = new Alone()
    alone.inherited.push('a dead member')
    await alone.membership.start()
    await turns()
    assert.equal(alone.generation, 2)
    assert.deepEqual(alone.told, ['assigned 2', 'identity'])
  })

  it('[1.3] waits for the generation that others make where it was the one asked', async () => {
    const alone = new Alone()
    alone.inherited.push('m1')
    await alone.membership.start()
    await turns()
    assert.equal(alone.generation, 1)
  })

  it('[2.2] learns the same of a commit in a worker thread', { timeout: 20_000 }, async () => {
    const alone = new Alone()
    await alone.membership.start()
    await turns()
    const owners = new LocalOwnership()
    owners.add(alone.membership)
    const { port1, port2 } = new MessageChannel()
    serveWorker(port1, owners, {})
    const worker = new RemoteOwnership(port2)
    const timer = setInterval(() => {}, 1000)
    try {
      assert.equal(await alone.commit(isRefused, worker), 'fenced')
      while (alone.told.length < 2) await turns()
      await alone.passes(2 * sessionTimeoutMs)
      assert.deepEqual(alone.told, ['assigned 2', 'lost: the group does not know it', 'assigned 2'])
    } finally {
      clearInterval(timer)
      worker.close()
    }
  })

  it('[2.2] goes on when a commit fails for another reason', async () => {
    const alone = new Alone()
    await alone.membership.start()
    await turns()
    const fails = async () => {
      throw new CommitError('aborted', 'it did not happen')
    }
    assert.equal(await alone.commit(fails), 'aborted')
    await alone.passes(2 * sessionTimeoutMs)
    assert.deepEqual(alone.told, ['assigned 2'])
  })
})
