import type {
  CommittedPosition,
  FetchPosition,
  Log,
  MemberIdentity,
  OutgoingBatch,
} from '../../packages/millrace/src/log/log.ts'
import { batchInfo } from '../../packages/millrace/src/record/batch.ts'
import { createTopics, partitions } from '../data/input.ts'
import type { Loop, Stage } from './stage.ts'

const fetchLimits = { maxBytes: 8 << 20, partitionMaxBytes: 1 << 20 }
/** How long a drained loop waits for more. */
const waitMs = 20
const noMetadata = new Uint8Array(0)

interface Lane {
  readonly topic: string
  readonly partition: number
  readonly loop: Loop
  offset: number
  committed: number
}

/** Runs hand-written loops over a log to the end of their input, committing outputs, changelog and positions together. */
export async function runLoops(
  log: Log,
  group: string,
  stages: readonly Stage[],
  commitMs: number,
): Promise<void> {
  await createTopics(
    log,
    stages.flatMap(({ writes }) => writes),
  )
  let identity: MemberIdentity | undefined
  const membership = await log.join({
    group,
    topicSets: stages.map(({ topic }) => [topic]),
    sessionTimeoutMs: 60_000,
    rebalanceTimeoutMs: 60_000,
    onAssigned: (_, current) => {
      identity = current
    },
    onRevoked: async () => {},
    onIdentity: current => {
      identity = current
    },
    onLost: () => {},
  })
  while (identity === undefined) await new Promise(resolve => setTimeout(resolve, 5))
  const run = new Run(log, () => identity!, commitMs)
  for (const stage of stages) await run.stage(stage)
  await run.toEnd()
  await membership.leave()
}

class Run {
  readonly #log: Log
  readonly #identity: () => MemberIdentity
  readonly #lanes: Lane[] = []
  #committing: Promise<unknown> = Promise.resolve()
  readonly #commitMs: number
  #commits = 0
  #isCommitting = false
  #lastCommit = performance.now()

  constructor(log: Log, identity: () => MemberIdentity, commitMs: number) {
    this.#log = log
    this.#identity = identity
    this.#commitMs = commitMs
  }

  async stage({ topic, open, isTable = false }: Stage): Promise<void> {
    for (let partition = 0; partition < partitions; partition++) {
      const lane = { topic, partition, loop: open(partition), offset: 0, committed: -1 }
      if (isTable) await this.#load(lane)
      else this.#lanes.push(lane)
    }
  }

  async #load(lane: Lane): Promise<void> {
    const { topic, partition, loop } = lane
    for (;;) {
      const positions = [{ topic, partition, offset: lane.offset }]
      const [part] = await this.#log.fetch(positions, { ...fetchLimits, maxWaitMs: 0 })
      if (part!.error !== undefined) throw part!.error
      for (const batch of part!.batches) {
        loop.process(batch)
        lane.offset = batchInfo(batch).lastOffset + 1
      }
      part!.release?.()
      if (part!.batches.length === 0 && lane.offset >= part!.highWatermark) return
    }
  }

  async toEnd(): Promise<void> {
    let fetching = this.#fetch()
    for (;;) {
      const { fetched, settled } = await fetching
      let isDrained = true
      const work = fetched.map(part => {
        const lane = this.#lanes.find(
          ({ topic, partition }) => topic === part.topic && partition === part.partition,
        )!
        if (part.error !== undefined) throw part.error
        if (part.batches.length > 0) lane.offset = batchInfo(part.batches.at(-1)!).lastOffset + 1
        if (part.batches.length > 0 || part.highWatermark < 0 || lane.offset < part.highWatermark)
          isDrained = false
        return { lane, part }
      })
      const isEmpty = fetched.every(({ batches }) => batches.length === 0)
      fetching = this.#fetch(isEmpty ? waitMs : 0)
      for (const { lane, part } of work) {
        for (const batch of part.batches) lane.loop.process(batch)
        part.release?.()
      }
      if (isDrained) {
        // What a stage wrote must have been readable when the next one was found drained.
        if ((await this.#commit(false)) === 0 && settled === this.#commits) break
        await this.#committing
        await fetching
        fetching = this.#fetch()
      } else if (performance.now() - this.#lastCommit >= this.#commitMs) await this.#commit(false)
    }
    await fetching
    await this.#commit(true)
    await this.#committing
  }

  /** `settled`: the number of commits when it was asked and none was under way, so that all they wrote could be read. */
  async #fetch(maxWaitMs = 0) {
    const settled = this.#isCommitting ? -1 : this.#commits
    const positions: FetchPosition[] = this.#lanes.map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset,
    }))
    return { fetched: await this.#log.fetch(positions, { ...fetchLimits, maxWaitMs }), settled }
  }

  /** Cuts and commits what was done, one commit at a time; gives the number of batches and moved positions. */
  async #commit(isLast: boolean): Promise<number> {
    await this.#committing
    this.#lastCommit = performance.now()
    const batches: OutgoingBatch[] = []
    const positions: (CommittedPosition & { previousOffset: number })[] = []
    for (const lane of this.#lanes) {
      if (isLast) lane.loop.finish()
      batches.push(...lane.loop.cut(Date.now()))
      const { topic, partition, offset, committed } = lane
      if (offset === committed || (offset === 0 && committed < 0)) continue
      positions.push({ topic, partition, offset, metadata: noMetadata, previousOffset: committed })
      lane.committed = offset
    }
    if (batches.length + positions.length === 0) return 0
    this.#commits++
    this.#isCommitting = true
    this.#committing = this.#log.commit({ identity: this.#identity(), batches, positions }).finally(() => {
      this.#isCommitting = false
    })
    return batches.length + positions.length
  }
}
